//! Releases, and what makes them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use roost_model::ImageRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{Deploy, DeployStatus};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CreateRelease {
    /// The app's configuration (fly.toml) as JSON.
    pub config: serde_json::Value,
    /// Resolved to a digest when the release is made; the configuration's `build.image` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// `rolling` or `immediate`; the configuration's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Two machines for each group that serves, on the first deploy.
    #[serde(default)]
    pub ha: bool,
    /// Only say what would be done.
    #[serde(default)]
    pub plan_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Rollback {
    /// The release whose content comes back; the last one that ran before the current when absent.
    pub version: Option<u64>,
    pub plan_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Scale {
    /// Machines wanted of each process group named.
    pub counts: BTreeMap<String, u32>,
    #[serde(default)]
    pub plan_only: bool,
}

/// What was begun, or with `plan_only` would be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeployAnswer {
    #[serde(default)]
    pub release: Option<Release>,
    #[serde(default)]
    pub deploy: Option<Deploy>,
    /// The plan in words, a step on a line.
    pub plan: String,
    /// Such as keys of the configuration that nothing acts on yet.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Release {
    pub version: u64,
    #[schemars(with = "String")]
    pub id: Ulid,
    /// How its last deploy stands.
    pub status: DeployStatus,
    /// The app's machines run it.
    pub current: bool,
    pub image: ImageRef,
    pub strategy: String,
    pub secrets_version: u64,
    /// In words: a deploy, a rollback to which release, new secrets.
    pub description: String,
    #[serde(default)]
    pub message: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
    /// Only where one release is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<serde_json::Value>,
    /// Its last deploy; only where one release is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Deploy>,
}

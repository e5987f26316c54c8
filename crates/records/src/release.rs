//! Releases: immutable.

use jiff::Timestamp;
use roost_model::{AppName, ImageRef};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::Record;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    pub app: AppName,
    /// Counts from 1 within the app.
    pub version: u64,
    pub id: Ulid,
    /// Pinned to a digest.
    pub image: ImageRef,
    /// The app's configuration (fly.toml) as JSON.
    pub config: serde_json::Value,
    /// 0 when the app has no secrets.
    pub secrets_version: u64,
    /// `rolling`, `immediate`, ... as the configuration or the deploy asked for.
    pub strategy: String,
    pub reason: ReleaseReason,
    /// What the person who made it says about it.
    #[serde(default)]
    pub message: Option<String>,
    /// Name of the token that made it.
    pub created_by: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReleaseReason {
    Deploy,
    /// The content of an earlier release, on request.
    Rollback {
        to: u64,
    },
    /// As the release before, with new secrets.
    Secrets,
}

impl Record for ReleaseRecord {}

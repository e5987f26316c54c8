//! Releases: immutable.

use std::fmt;

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
    /// Who brings the machines to it.
    #[serde(default)]
    pub carried_out_by: CarriedOutBy,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarriedOutBy {
    /// The api: how the release stands is in its deploy.
    #[default]
    Platform,
    /// A client that changes the machines itself, and says how far it is.
    Client,
}

impl fmt::Display for ReleaseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deploy => f.write_str("deploy"),
            Self::Rollback { to } => write!(f, "rollback to v{to}"),
            Self::Secrets => f.write_str("new secrets"),
        }
    }
}

/// How far a client is with the release that it carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRollout {
    pub status: ClientStatus,
    pub updated_at: Timestamp,
    /// What the client said about a failure.
    #[serde(default)]
    pub error: Option<String>,
}

impl Record for ClientRollout {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientStatus {
    Pending,
    Running,
    Complete,
    Failed,
    Interrupted,
}

impl ClientStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// It stays as it is.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Interrupted)
    }
}

/// Which release an id names, for clients that know no more of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseId {
    pub app: AppName,
    pub version: u64,
}

impl Record for ReleaseId {}

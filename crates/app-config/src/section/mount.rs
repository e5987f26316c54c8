//! `[mounts]`: a volume for each machine of a group.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::forms::{Gigabytes, is_default};

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// Name of the volumes; each machine gets one of its own.
    pub source: String,
    /// Absolute path in the guest, not `/`.
    pub destination: String,
    #[serde(skip_serializing_if = "is_default")]
    pub processes: Vec<String>,
    /// Bare integers are gigabytes; 1 GB when absent.
    pub initial_size: Option<Gigabytes>,
    /// Days, 1 to 60; 5 when absent.
    pub snapshot_retention: Option<u32>,
    pub scheduled_snapshots: Option<bool>,
    /// Percent of use at which the volume grows, 50 to 99.
    pub auto_extend_size_threshold: Option<u32>,
    pub auto_extend_size_increment: Option<Gigabytes>,
    pub auto_extend_size_limit: Option<Gigabytes>,
}

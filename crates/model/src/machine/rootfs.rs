//! What a machine may write to its root file system, and how long that stays.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Extra;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Rootfs {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persist: Option<Persist>,
    /// Room for what the machine writes; the host's default when absent or 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gb: Option<u32>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// When what a machine wrote to its root file system is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Persist {
    /// At each start.
    #[default]
    Never,
    /// With the version: an update begins anew.
    Restart,
    /// With the machine.
    Always,
}

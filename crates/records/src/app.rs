//! Apps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use roost_model::{AppName, NetworkId};
use serde::{Deserialize, Serialize};

use crate::Record;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRecord {
    pub name: AppName,
    /// Numeric id; never given to another app.
    pub number: u64,
    /// Slug of the org.
    pub org: String,
    /// The network of all its machines, for life.
    pub network: NetworkId,
    /// Name of that network within the org.
    pub network_name: String,
    pub created_at: Timestamp,
    /// Version of the last release that was deployed in full: what a failed deploy returns to.
    #[serde(default)]
    pub current_release: Option<u64>,
    /// Machines wanted of each process group, where somebody said so.
    #[serde(default)]
    pub counts: BTreeMap<String, u32>,
    /// What the app is for, such as `postgres_cluster`; empty for most.
    #[serde(default)]
    pub role: String,
    /// The app is being deleted: no new machines, no deploys.
    #[serde(default)]
    pub deleting: bool,
}

impl Record for AppRecord {}

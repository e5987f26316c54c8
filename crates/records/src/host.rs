//! Hosts as they introduced themselves.

use jiff::Timestamp;
use roost_model::{HostId, Region};
use serde::{Deserialize, Serialize};

use crate::Record;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    pub id: HostId,
    pub region: Region,
    /// Number of the host in 6PN addresses.
    pub number: u32,
    /// X25519 key that secrets for this host are sealed to (base64).
    pub sealing_key: String,
    pub driver: String,
    pub version: String,
    pub registered_at: Timestamp,
}

impl Record for HostRecord {}

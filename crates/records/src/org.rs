//! Organisations and their private networks.

use jiff::Timestamp;
use roost_model::NetworkId;
use serde::{Deserialize, Serialize};

use crate::Record;

/// Name of the network that an org's apps join unless they name another.
pub const DEFAULT_NETWORK: &str = "default";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgRecord {
    /// A DNS label; `personal` is made at first start.
    pub slug: String,
    pub name: String,
    pub created_at: Timestamp,
}

impl Record for OrgRecord {}

/// A private network (6PN) of an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkRecord {
    pub id: NetworkId,
    pub org: String,
    pub name: String,
}

impl Record for NetworkRecord {}

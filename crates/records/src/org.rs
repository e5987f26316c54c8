//! Organisations, who belongs to them, and their private networks.

use jiff::Timestamp;
use roost_model::NetworkId;
use serde::{Deserialize, Serialize};

use crate::{Email, Record};

/// Name of the network that an org's apps join unless they name another.
pub const DEFAULT_NETWORK: &str = "default";

/// The org that is always there.
pub const PERSONAL_ORG: &str = "personal";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgRecord {
    /// A DNS label; `personal` is made at first start.
    pub slug: String,
    /// Numeric id; never given to another org, so that a token of a deleted org opens no later one
    /// of the same name. `personal` has 1.
    #[serde(default = "first")]
    pub number: u64,
    pub name: String,
    pub created_at: Timestamp,
    /// Changes of its members so far: two at once see each other through it.
    #[serde(default)]
    pub membership: u64,
    /// The org is being deleted: no new apps.
    #[serde(default)]
    pub deleting: bool,
}

impl Record for OrgRecord {}

fn first() -> u64 {
    1
}

/// That a user belongs to an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRecord {
    pub org: String,
    pub email: Email,
    pub role: MemberRole,
    pub joined_at: Timestamp,
}

impl Record for MemberRecord {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRole {
    /// Also says who belongs to the org, and may delete it.
    Admin,
    Member,
}

/// A private network (6PN) of an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkRecord {
    pub id: NetworkId,
    pub org: String,
    pub name: String,
}

impl Record for NetworkRecord {}

//! Leases of machines.

use roost_host_api::Lease as HostLease;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LeaseRequest {
    pub description: String,
    /// Seconds; also as a query parameter.
    pub ttl: Option<u32>,
}

/// A lease in the envelope that some clients need, and beside it bare, as others read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseAnswer {
    /// `success`.
    pub status: String,
    pub data: Lease,
    #[serde(flatten)]
    pub bare: Lease,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lease {
    pub nonce: String,
    /// Seconds since 1970.
    pub expires_at: i64,
    pub owner: String,
    pub description: String,
    pub version: String,
}

impl From<HostLease> for LeaseAnswer {
    fn from(lease: HostLease) -> Self {
        let lease = Lease {
            nonce: lease.nonce,
            expires_at: lease.expires_at.as_second(),
            owner: lease.owner,
            description: lease.description,
            version: lease.version,
        };
        Self { status: "success".to_owned(), data: lease.clone(), bare: lease }
    }
}

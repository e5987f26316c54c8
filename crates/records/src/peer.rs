//! WireGuard peers: computers of people inside an org's private networks.

use std::net::Ipv6Addr;

use jiff::Timestamp;
use roost_model::NetworkId;
use serde::{Deserialize, Serialize};

use crate::Record;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerRecord {
    pub org: String,
    /// Unique within the org.
    pub name: String,
    /// Never given to another peer.
    pub number: u32,
    /// X25519 (base64); the private half stays with the person.
    pub public_key: String,
    pub network: NetworkId,
    /// Name of that network within the org.
    pub network_name: String,
    /// The whole /120 around it is the peer's.
    pub address: Ipv6Addr,
    pub region: String,
    /// Name of the token that made it.
    pub created_by: String,
    pub created_at: Timestamp,
}

impl Record for PeerRecord {}

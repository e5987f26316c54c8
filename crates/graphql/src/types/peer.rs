//! WireGuard peers: computers of people inside an organization's private network.

use async_graphql::{ID, SimpleObject};

#[derive(Debug, Clone, SimpleObject)]
#[graphql(name = "WireGuardPeer")]
pub struct Peer {
    pub id: ID,
    pub name: String,
    /// Of the peer (base64).
    pub pubkey: String,
    pub region: String,
    /// The whole /120 around this address is the peer's.
    pub peerip: String,
    pub network: Option<String>,
}

//! WireGuard peers.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::{
    platform::{NewPeer, platform},
    types::organization::Organization,
};

#[derive(Default)]
pub struct PeerChanges;

#[derive(InputObject)]
#[graphql(name = "AddWireGuardPeerInput")]
struct Add {
    client_mutation_id: Option<String>,
    organization_id: ID,
    region: Option<String>,
    name: String,
    pubkey: String,
    network: Option<String>,
    /// How the gateway hears of the peer is the platform's own affair.
    nats: Option<bool>,
}

#[derive(SimpleObject)]
#[graphql(name = "AddWireGuardPeerPayload")]
struct Added {
    client_mutation_id: Option<String>,
    peerip: String,
    /// Host name or address of the gateway.
    endpointip: String,
    /// Of the gateway (base64).
    pubkey: String,
    network: Option<String>,
}

#[derive(InputObject)]
#[graphql(name = "RemoveWireGuardPeerInput")]
struct Remove {
    client_mutation_id: Option<String>,
    organization_id: ID,
    name: String,
    nats: Option<bool>,
}

#[derive(SimpleObject)]
#[graphql(name = "RemoveWireGuardPeerPayload")]
struct Removed {
    client_mutation_id: Option<String>,
    organization: Organization,
}

#[derive(InputObject)]
#[graphql(name = "ValidateWireGuardPeersInput")]
struct Validate {
    client_mutation_id: Option<String>,
    peer_ips: Vec<String>,
}

#[derive(SimpleObject)]
#[graphql(name = "ValidateWireGuardPeersPayload")]
struct Validated {
    client_mutation_id: Option<String>,
    valid_peer_ips: Vec<String>,
    invalid_peer_ips: Vec<String>,
}

#[Object]
impl PeerChanges {
    async fn add_wire_guard_peer(&self, context: &Context<'_>, input: Add) -> Result<Option<Added>> {
        let organization = platform(context).organization(&input.organization_id).await?;
        let new = NewPeer {
            name: input.name,
            public_key: input.pubkey,
            region: input.region.unwrap_or_default(),
            network: input.network.unwrap_or_default(),
        };
        let (peer, gateway) = platform(context).add_peer(&organization, new).await?;
        Ok(Some(Added {
            client_mutation_id: input.client_mutation_id,
            peerip: peer.peerip,
            endpointip: gateway.endpoint,
            pubkey: gateway.public_key,
            network: peer.network,
        }))
    }

    async fn remove_wire_guard_peer(&self, context: &Context<'_>, input: Remove) -> Result<Option<Removed>> {
        let organization = platform(context).organization(&input.organization_id).await?;
        platform(context).remove_peer(&organization, &input.name).await?;
        Ok(Some(Removed { client_mutation_id: input.client_mutation_id, organization }))
    }

    /// Which of the addresses are peers' still.
    async fn validate_wire_guard_peers(
        &self,
        context: &Context<'_>,
        input: Validate,
    ) -> Result<Option<Validated>> {
        let known = platform(context).peer_addresses().await?;
        let (valid_peer_ips, invalid_peer_ips) =
            input.peer_ips.into_iter().partition(|address| known.contains(address));
        let client_mutation_id = input.client_mutation_id;
        Ok(Some(Validated { client_mutation_id, valid_peer_ips, invalid_peer_ips }))
    }
}

//! WireGuard peers and SSH certificates.

use std::collections::HashSet;

use async_trait::async_trait;
use roost_graphql::{
    Answer, ID,
    platform::{Access, Accounts, Gateway, IssuedCertificate, NewCertificate, NewPeer},
    types::{organization::Organization, peer::Peer},
};
use roost_records::{DEFAULT_NETWORK, PeerRecord};

use super::Session;
use crate::{
    access::{certificates, peers},
    auth::OrgRight,
};

#[async_trait]
impl Access for Session {
    async fn peers(&self, organization: &Organization) -> Answer<Vec<Peer>> {
        self.check_organization(organization, OrgRight::Read)?;
        let peers = self.api.store.peers(&organization.slug).await?;
        Ok(peers.into_iter().map(shown).collect())
    }

    async fn add_peer(&self, organization: &Organization, new: NewPeer) -> Answer<(Peer, Gateway)> {
        self.check_organization(organization, OrgRight::Write)?;
        let NewPeer { name, public_key, region, network } = new;
        let new = peers::NewPeer { name, public_key, region, network };
        let peer = peers::add(&self.api, &self.caller, &organization.slug, new).await?;
        let peers::Gateway { endpoint, public_key } = peers::gateway(&self.api).await?;
        Ok((shown(peer), Gateway { endpoint, public_key }))
    }

    async fn remove_peer(&self, organization: &Organization, name: &str) -> Answer<()> {
        self.check_organization(organization, OrgRight::Write)?;
        Ok(peers::remove(&self.api, &organization.slug, name).await?)
    }

    async fn peer_addresses(&self) -> Answer<HashSet<String>> {
        let mut addresses = HashSet::new();
        for organization in self.organizations().await? {
            let peers = self.api.store.peers(&organization.slug).await?;
            addresses.extend(peers.into_iter().map(|peer| peer.address.to_string()));
        }
        Ok(addresses)
    }

    async fn certificate_authority(&self, organization: &Organization) -> Answer<String> {
        self.check_organization(organization, OrgRight::Read)?;
        Ok(certificates::authority(&self.api, &organization.slug).await?)
    }

    async fn issue_certificate(
        &self,
        organization: &Organization,
        new: NewCertificate,
    ) -> Answer<IssuedCertificate> {
        self.check_organization(organization, OrgRight::Write)?;
        let NewCertificate { principals, apps, public_key, valid_hours } = new;
        let new = certificates::NewCertificate { principals, apps, public_key, valid_hours };
        let issued = certificates::issue(&self.api, &self.caller, &organization.slug, new).await?;
        let key = issued.private_key.map(|key| key.to_string());
        Ok(IssuedCertificate { certificate: issued.certificate, key })
    }
}

fn shown(peer: PeerRecord) -> Peer {
    Peer {
        id: ID(format!("peer_{}", peer.number)),
        name: peer.name,
        pubkey: peer.public_key,
        region: peer.region,
        peerip: peer.address.to_string(),
        network: Some(peer.network_name).filter(|name| name != DEFAULT_NETWORK),
    }
}

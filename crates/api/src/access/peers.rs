//! WireGuard peers: who has which address in which network.
//!
//! A peer's address is one of a host that does not exist, so that no machine ever has it:
//! `fdaa:<network 32 bits>:ffff:ffff:<peer 32 bits>:2`. The whole /120 around it is the peer's.

use std::net::IpAddr;

use base64::{Engine, prelude::BASE64_STANDARD};
use crypto_box::{SecretKey, aead::OsRng};
use jiff::Timestamp;
use roost_api_types::ErrorCode;
use roost_model::MachineAddress;
use roost_records::{DEFAULT_NETWORK, NetworkRecord, PeerRecord, key};
use zeroize::Zeroizing;

use super::key_pair::{self, KeyPair, wireguard_text};
use crate::{
    api::Api,
    auth::Caller,
    error::{ApiError, Result},
};

/// Peers of one org: a bound for clients that make a new one each time.
const MAX_PEERS: usize = 1000;

/// Longest name of a peer: a host name, an address and a number.
const MAX_NAME: usize = 200;

/// In the place of a host's number; hosts count from 1 and do not come this far.
const NO_HOST: u32 = u32::MAX;

pub struct NewPeer {
    pub name: String,
    /// X25519, base64.
    pub public_key: String,
    pub region: String,
    /// Name of a network of the org; its own when empty.
    pub network: String,
}

/// Where peers connect to.
pub struct Gateway {
    /// An address or a name under which this server is reached.
    pub endpoint: String,
    /// X25519, base64.
    pub public_key: String,
}

pub async fn add(api: &Api, caller: &Caller, org: &str, new: NewPeer) -> Result<PeerRecord> {
    check_name(&new.name)?;
    check_key(&new.public_key)?;
    if api.store.peers(org).await?.len() >= MAX_PEERS {
        return Err(ApiError::invalid(format!(
            "organization \"{org}\" has {MAX_PEERS} WireGuard peers; remove some"
        )));
    }
    let network_name = if new.network.is_empty() { DEFAULT_NETWORK } else { &new.network };
    let network = match network_name {
        DEFAULT_NETWORK => api.store.ensure_network(org, network_name).await?,
        name => {
            let stored = api.store.get::<NetworkRecord>(&key::network(org, name)).await?;
            stored.map(|stored| stored.record.id).ok_or_else(|| no_network(org, name))?
        }
    };
    let peer = |number| PeerRecord {
        org: org.to_owned(),
        name: new.name.clone(),
        number,
        public_key: new.public_key.clone(),
        network,
        network_name: network_name.to_owned(),
        address: MachineAddress { network, host: NO_HOST, machine: number }.ip(),
        region: new.region.clone(),
        created_by: caller.name.clone(),
        created_at: Timestamp::now(),
    };
    let added = api.store.add_peer(peer).await?.ok_or_else(|| {
        let message = format!("Name has already been taken: there is a WireGuard peer \"{}\"", new.name);
        ApiError::new(ErrorCode::NameTaken, message)
    })?;
    tracing::info!(org, peer = added.name, address = %added.address, "WireGuard peer added");
    Ok(added)
}

pub async fn remove(api: &Api, org: &str, name: &str) -> Result<()> {
    let missing = || {
        let message = format!("organization \"{org}\" has no WireGuard peer \"{name}\"");
        ApiError::new(ErrorCode::NotFound, message)
    };
    check_name(name).map_err(|_| missing())?;
    match api.store.remove_peer(org, name).await? {
        true => Ok(()),
        false => Err(missing()),
    }
}

pub async fn gateway(api: &Api) -> Result<Gateway> {
    let pair = key_pair::ensure(api, key::WIREGUARD_GATEWAY, || {
        let secret = SecretKey::generate(&mut OsRng);
        let public_key = wireguard_text(secret.public_key().as_bytes());
        Ok(KeyPair { public_key, private_key: Zeroizing::new(secret.to_bytes()) })
    });
    // An address where there is one: a client looks names up in the public DNS, which may not know this one.
    let address = api.config.public_addresses.first().map(IpAddr::to_string);
    let endpoint = address.unwrap_or_else(|| api.config.base_domain.clone());
    Ok(Gateway { endpoint, public_key: pair.await?.public_key })
}

/// A part of a key in the directory: no slash, nothing that is not seen.
fn check_name(name: &str) -> Result<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
    if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(fine) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "a peer's name has 1 to {MAX_NAME} letters, digits and the characters - _ . @ +"
    )))
}

fn check_key(text: &str) -> Result<()> {
    match BASE64_STANDARD.decode(text) {
        Ok(bytes) if bytes.len() == 32 && bytes != [0; 32] => Ok(()),
        _ => Err(ApiError::invalid("`pubkey` must be a WireGuard public key: base64 of 32 bytes")),
    }
}

fn no_network(org: &str, name: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("organization \"{org}\" has no network \"{name}\""))
}

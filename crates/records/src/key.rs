//! The keys. Names in them are DNS labels, or e-mail addresses without a slash, so that a
//! slash only ever separates.

use std::net::IpAddr;

use roost_model::{AppName, HostId, service::Protocol};
use ulid::Ulid;

use crate::Email;

pub const USERS: &str = "users/";
pub const ORGS: &str = "orgs/";
pub const MEMBERS: &str = "members/";
pub const NETWORKS: &str = "networks/";
pub const APPS: &str = "apps/";
pub const RELEASES: &str = "releases/";
pub const CLIENT_ROLLOUTS: &str = "client-rollouts/";
pub const RELEASE_IDS: &str = "release-ids/";
pub const DEPLOYS: &str = "deploys/";
pub const DEPLOY_LOCKS: &str = "deploy-locks/";
pub const DEPLOY_OWNERS: &str = "deploy-owners/";
pub const BUILDS: &str = "builds/";
pub const SECRETS: &str = "secrets/";
pub const ADDRESSES: &str = "addresses/";
pub const CERTIFICATES: &str = "certificates/";
pub const PLATFORM_CERTIFICATES: &str = "platform-certificates/";
pub const ACME_CHALLENGES: &str = "acme-challenges/";
pub const ACME_ACCOUNTS: &str = "acme-accounts/";
pub const HOSTNAMES: &str = "hostnames/";
pub const PORTS: &str = "ports/";
pub const SECRET_KEYS: &str = "secret-keys/";
pub const TOKENS: &str = "tokens/";
pub const IDENTITY_KEYS: &str = "identity-keys/";
pub const TOKEN_USES: &str = "token-uses/";
pub const PEERS: &str = "wireguard-peers/";
pub const SSH_AUTHORITIES: &str = "ssh-authorities/";
pub const HOSTS: &str = "hosts/";

/// Counts the networks given out; 0 is the platform's own.
pub const NETWORK_COUNTER: &str = "counters/network";

/// The key of the gateway that WireGuard peers connect to.
pub const WIREGUARD_GATEWAY: &str = "wireguard-gateway";

/// Counts the WireGuard peers ever made, for their addresses.
pub const PEER_COUNTER: &str = "counters/wireguard-peer";

/// Counts the apps ever made, for their numeric ids.
pub const APP_COUNTER: &str = "counters/app";

/// Counts the users ever made, for their numeric ids.
pub const USER_COUNTER: &str = "counters/user";

/// Counts the orgs made after `personal`, which has 1.
pub const ORG_COUNTER: &str = "counters/org";

pub fn user(email: &Email) -> String {
    format!("{USERS}{email}")
}

pub fn org(slug: &str) -> String {
    format!("{ORGS}{slug}")
}

pub fn members(org: &str) -> String {
    format!("{MEMBERS}{org}/")
}

pub fn member(org: &str, email: &Email) -> String {
    format!("{MEMBERS}{org}/{email}")
}

pub fn networks(org: &str) -> String {
    format!("{NETWORKS}{org}/")
}

pub fn network(org: &str, name: &str) -> String {
    format!("{NETWORKS}{org}/{name}")
}

pub fn app(app: &AppName) -> String {
    format!("{APPS}{app}")
}

pub fn releases(app: &AppName) -> String {
    format!("{RELEASES}{app}/")
}

pub fn release(app: &AppName, version: u64) -> String {
    format!("{RELEASES}{app}/{version:010}")
}

pub fn client_rollouts(app: &AppName) -> String {
    format!("{CLIENT_ROLLOUTS}{app}/")
}

pub fn client_rollout(app: &AppName, version: u64) -> String {
    format!("{CLIENT_ROLLOUTS}{app}/{version:010}")
}

pub fn release_id(id: &Ulid) -> String {
    format!("{RELEASE_IDS}{id}")
}

pub fn deploys(app: &AppName) -> String {
    format!("{DEPLOYS}{app}/")
}

pub fn deploy(app: &AppName, number: u64) -> String {
    format!("{DEPLOYS}{app}/{number:010}")
}

pub fn deploy_lock(app: &AppName) -> String {
    format!("{DEPLOY_LOCKS}{app}")
}

pub fn deploy_owner(app: &AppName) -> String {
    format!("{DEPLOY_OWNERS}{app}")
}

pub fn builds(app: &AppName) -> String {
    format!("{BUILDS}{app}/")
}

pub fn build(app: &AppName, number: u64) -> String {
    format!("{BUILDS}{app}/{number:010}")
}

pub fn secrets(app: &AppName) -> String {
    format!("{SECRETS}{app}/")
}

pub fn secrets_version(app: &AppName, version: u64) -> String {
    format!("{SECRETS}{app}/{version:010}")
}

pub fn addresses(app: &AppName) -> String {
    format!("{ADDRESSES}{app}/")
}

pub fn address(app: &AppName, ip: IpAddr) -> String {
    format!("{ADDRESSES}{app}/{ip}")
}

pub fn certificates(app: &AppName) -> String {
    format!("{CERTIFICATES}{app}/")
}

pub fn certificate(app: &AppName, hostname: &str) -> String {
    format!("{CERTIFICATES}{app}/{hostname}")
}

pub fn platform_certificate(hostname: &str) -> String {
    format!("{PLATFORM_CERTIFICATES}{hostname}")
}

pub fn acme_challenge(hostname: &str) -> String {
    format!("{ACME_CHALLENGES}{hostname}")
}

pub fn acme_account(authority: &str) -> String {
    format!("{ACME_ACCOUNTS}{authority}")
}

pub fn hostname(hostname: &str) -> String {
    format!("{HOSTNAMES}{hostname}")
}

pub fn port(protocol: Protocol, port: u16) -> String {
    format!("{PORTS}{}/{port:05}", protocol.as_str())
}

/// The port of a key, without the prefix.
pub fn parse_port(rest: &str) -> Option<(Protocol, u16)> {
    let (protocol, port) = rest.split_once('/')?;
    let protocol = [Protocol::Tcp, Protocol::Udp].into_iter().find(|p| p.as_str() == protocol)?;
    Some((protocol, port.parse().ok()?))
}

pub fn secret_keys(app: &AppName) -> String {
    format!("{SECRET_KEYS}{app}")
}

/// `hash` is the lower-case hex SHA-256 of the token.
pub fn token(hash: &str) -> String {
    format!("{TOKENS}{hash}")
}

pub fn token_use(id: Ulid) -> String {
    format!("{TOKEN_USES}{id}")
}

pub fn identity_key(kid: &str) -> String {
    format!("{IDENTITY_KEYS}{kid}")
}

pub fn peers(org: &str) -> String {
    format!("{PEERS}{org}/")
}

pub fn peer(org: &str, name: &str) -> String {
    format!("{PEERS}{org}/{name}")
}

pub fn ssh_authority(org: &str) -> String {
    format!("{SSH_AUTHORITIES}{org}")
}

pub fn host(id: &HostId) -> String {
    format!("{HOSTS}{id}")
}

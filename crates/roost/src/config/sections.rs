//! What can be set, and what it is when nobody sets it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use roost_api::{AcmeConfig, RateLimits};
use roost_edge::{ClientLimits, DEFAULT_MAX_CONNECTIONS};
use roost_host::HostSettings;
use roost_images::PullConfig;
use roost_model::{HostId, Region};
use roost_netdev::HostNetConfig;
use roost_vmm::VmmConfig;
use serde::{Deserialize, Serialize};

use super::Role;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Everything that must survive a restart; keep the path under 60 characters, for sockets live below it.
    pub data_dir: PathBuf,
    /// An app answers at `<app>.<base_domain>`.
    pub base_domain: String,
    /// Region of this box.
    pub region: Region,
    /// Name of this box among the hosts.
    pub host_id: HostId,
    /// Number of this box in its machines' private addresses.
    pub host_number: u32,
    /// Roles of this process; `--roles` wins.
    pub roles: Vec<Role>,
    pub log: LogSection,
    pub api: ApiSection,
    pub edge: EdgeSection,
    pub dns: DnsSection,
    pub acme: AcmeConfig,
    pub host: HostSettings,
    pub vmm: VmmConfig,
    pub network: HostNetConfig,
    pub registry: PullConfig,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,roost_edge=debug`.
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Human,
    Json,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSection {
    /// Loopback by default: the API speaks plain HTTP, and its tokens must not cross a network so.
    pub listen: SocketAddr,
    /// Where people reach the API, if something in front of it speaks TLS: `https://roost.example.com`.
    pub url: Option<String>,
    /// How often one caller may call.
    pub rate_limits: RateLimits,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeSection {
    /// Plain HTTP listeners: `[::]:80` (both families), `[::]:8080` when not root.
    pub http: Vec<SocketAddr>,
    /// HTTPS listeners: `[::]:443`, `[::]:8443` when not root; none when empty.
    pub https: Vec<SocketAddr>,
    /// HTTP/3 listeners, over UDP: as those of HTTPS as a rule. None when empty, which is the default.
    pub http3: Vec<SocketAddr>,
    /// Public ports that no app can have.
    pub reserved_ports: Vec<u16>,
    /// Proxies in front, which begin each connection with a PROXY header (version 1 or 2).
    pub proxies: Vec<IpNet>,
    /// Threads that carry connections; as many as there are cores when not set.
    pub threads: Option<NonZeroUsize>,
    /// Open connections of the whole node, and of one client's address.
    pub max_connections: usize,
    /// Those of one app; three of four when not set.
    pub max_connections_per_app: Option<u32>,
    pub max_connections_per_client: u32,
    /// TLS handshakes that one client's address may begin in a burst; a tenth comes back each second.
    pub max_handshakes_per_client: u32,
    /// Where Prometheus may ask the edge for `/metrics`; nowhere when absent.
    pub metrics: Option<SocketAddr>,
    /// How long connections may go on in a server that another one has replaced.
    pub handover_limit_secs: u64,
    /// Where the listeners are reached from outside: what apps get as shared addresses. Loopback when empty, if
    /// the base domain is under `.localhost`.
    pub public_addresses: Vec<IpAddr>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsSection {
    /// Where guests' questions for the outside go; the box's own resolvers when empty.
    pub upstream: Vec<IpAddr>,
}

const API_PORT: u16 = 4280;

/// Of the edge's metrics.
const METRICS_PORT: u16 = 4281;

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("/var/lib/roost"),
            base_domain: "roost.localhost".to_owned(),
            region: literal("local"),
            host_id: literal("host-1"),
            host_number: 1,
            roles: Role::ALL.to_vec(),
            log: LogSection::default(),
            api: ApiSection::default(),
            edge: EdgeSection::default(),
            dns: DnsSection::default(),
            acme: AcmeConfig::default(),
            host: HostSettings::default(),
            vmm: VmmConfig::default(),
            network: HostNetConfig::default(),
            registry: PullConfig::default(),
        }
    }
}

impl Default for LogSection {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".to_owned() }
    }
}

impl Default for ApiSection {
    fn default() -> Self {
        Self {
            url: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, API_PORT)),
            rate_limits: RateLimits::default(),
        }
    }
}

impl Default for EdgeSection {
    fn default() -> Self {
        let (http, https) = if nix::unistd::geteuid().is_root() { (80, 443) } else { (8080, 8443) };
        let everywhere = |port| vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))];
        let limits = ClientLimits::default();
        Self {
            http: everywhere(http),
            https: everywhere(https),
            http3: Vec::new(),
            // SSH and DNS, by which people reach and use the box.
            reserved_ports: vec![22, 53],
            proxies: Vec::new(),
            threads: None,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            max_connections_per_app: None,
            max_connections_per_client: limits.connections,
            max_handshakes_per_client: limits.handshakes,
            metrics: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, METRICS_PORT))),
            handover_limit_secs: 600,
            public_addresses: Vec::new(),
        }
    }
}

impl EdgeSection {
    pub fn handover_limit(&self) -> Duration {
        Duration::from_secs(self.handover_limit_secs)
    }
}

/// An identifier written in this file, so valid by inspection.
fn literal<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a valid identifier")
}

//! The dns role: names for the guests of this box.

use std::net::SocketAddr;

use roost_catalog::Catalog;
use roost_dns::DnsConfig;

use super::running::Running;
use crate::config::ServerConfig;

const DNS_PORT: u16 = 53;

/// Starts the role. Its address belongs to the host's network, so the host comes first.
pub fn start(config: &ServerConfig, catalog: Catalog, running: &mut Running) {
    let upstreams = config.dns.upstream.iter().map(|ip| SocketAddr::new(*ip, DNS_PORT)).collect();
    let settings = DnsConfig { upstreams, ..DnsConfig::default() };
    let shutdown = running.shutdown();
    running.add("dns", async move { Ok(roost_dns::serve(settings, catalog, shutdown).await?) });
}

//! The api role: public API and registry on one port.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use anyhow::Context as _;
use roost_api::{Api, ApiConfig, ApiParts};
use roost_directory::Directory;
use roost_edge::Sockets;
use roost_edge_api::EdgeClient;
use roost_host_api::HostClient;

use super::{
    DataDir,
    platform_registry::{self, Resolver},
    running::Running,
};
use crate::{config::ServerConfig, failure::OrNext as _};

const DNS_PORT: u16 = 53;

/// Starts the role; returns when it takes calls.
pub async fn start(
    config: &ServerConfig,
    data: &DataDir,
    directory: Arc<dyn Directory>,
    host: HostClient,
    sockets: &Sockets,
    running: &mut Running,
) -> anyhow::Result<()> {
    let listen = config.api.listen;
    let listener = sockets.tcp(listen).await.with_context(|| format!("cannot listen on {listen}"));
    let listener = listener.or_next("stop what listens there, or set [api] listen")?;
    let address = listener.local_addr()?;

    let images = Arc::new(Resolver::new(config, data));
    let edge = EdgeClient::unix(data.edge_socket());
    let parts = ApiParts { directory, host, edge, images };
    let api = Api::open(settings(config, data), parts, running.shutdown()).await?;
    fs::write(data.api_url(), format!("http://{}\n", platform_registry::reachable(address)))
        .context("cannot write the API's URL")?;
    running.add("api", async move { Ok(api.serve(listener).await?) });
    tracing::info!(%address, "api serves");
    Ok(())
}

fn settings(config: &ServerConfig, data: &DataDir) -> ApiConfig {
    ApiConfig {
        node: config.host_id.to_string(),
        admin_token: data.admin_token(),
        keys: data.keys(),
        registry_blobs: data.registry(),
        registry: platform_registry::name(config),
        registry_aliases: platform_registry::aliases(config),
        url: format!("http://{}", platform_registry::reachable(config.api.listen)),
        machine_socket: data.machine_socket(),
        public_url: config.api.url.clone(),
        audit: data.audit(),
        base_domain: config.base_domain.clone(),
        app_url: app_url(config),
        public_addresses: public_addresses(config),
        reserved_ports: reserved_ports(config),
        edge_ports: config.edge.http.iter().chain(&config.edge.https).map(SocketAddr::port).collect(),
        edge_speaks_tls: !config.edge.https.is_empty(),
        resolvers: resolvers(config),
        acme: config.acme.clone(),
        rate_limits: config.api.rate_limits,
    }
}

/// What listens here already, and what a box is managed by.
fn reserved_ports(config: &ServerConfig) -> Vec<u16> {
    std::iter::once(config.api.listen.port()).chain(config.edge.reserved_ports.iter().copied()).collect()
}

fn resolvers(config: &ServerConfig) -> Vec<SocketAddr> {
    match &config.dns.upstream[..] {
        [] => roost_api::system_resolvers(),
        named => named.iter().map(|ip| SocketAddr::new(*ip, DNS_PORT)).collect(),
    }
}

/// Names under `.localhost` mean the box itself (RFC 6761), so that is where its apps are reached.
fn public_addresses(config: &ServerConfig) -> Vec<IpAddr> {
    match &config.edge.public_addresses[..] {
        [] if config.base_domain.ends_with(".localhost") => {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        named => named.to_vec(),
    }
}

/// The first listener's port, unless it is the one that needs not be named.
fn app_url(config: &ServerConfig) -> String {
    let domain = &config.base_domain;
    match config.edge.http.first().map_or(80, SocketAddr::port) {
        80 => format!("http://{{app}}.{domain}"),
        port => format!("http://{{app}}.{domain}:{port}"),
    }
}

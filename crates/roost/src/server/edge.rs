//! The edge role: listeners for the apps' users.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use nix::errno::Errno;
use roost_catalog::Catalog;
use roost_edge::{
    ClientLimits, EdgeConfig, EdgeParts, Handover, Listener, ListenerKind, Loops, QuicListener, Sockets,
};
use roost_host_api::HostClient;
use roost_model::addr;

use super::{DataDir, private_socket, running::Running};
use crate::{config::ServerConfig, failure::OrNext as _};

/// The ports of fly.toml that the listeners stand for, wherever they are.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// What the edge shares with the rest of the server.
pub struct Parts<'a> {
    pub catalog: Catalog,
    pub sockets: &'a Sockets,
    pub handover: Handover,
    pub loops: Loops,
}

/// Starts the role; returns when it accepts connections.
pub async fn start(
    config: &ServerConfig,
    data: &DataDir,
    parts: Parts<'_>,
    running: &mut Running,
) -> anyhow::Result<()> {
    let Parts { catalog, sockets, handover, loops } = parts;
    let mut listeners = Vec::new();
    for &address in &config.edge.http {
        listeners.push(listen(sockets, address, HTTP_PORT, ListenerKind::Http, "http").await?);
    }
    for &address in &config.edge.https {
        listeners.push(listen(sockets, address, HTTPS_PORT, ListenerKind::Https, "https").await?);
    }
    listeners.extend(inside(sockets).await?);
    let keys = data.master_key().context("cannot read the key that certificates' keys are sealed with")?;
    let host = HostClient::unix(data.host_socket());
    let mut quic = Vec::new();
    for &address in &config.edge.http3 {
        quic.push(quic_listener(sockets, address).await?);
    }
    let parts = EdgeParts { catalog, host, keys: Some(Arc::new(keys)), quic, sockets: sockets.clone() };
    let settings = EdgeConfig { handover, loops, ..settings(config) };
    let shutdown = running.shutdown();
    running.add("edge", async move { Ok(roost_edge::serve(settings, parts, listeners, shutdown).await?) });
    Ok(())
}

/// Tells the other roles how busy machines are.
pub fn tell_loads(data: &DataDir, catalog: Catalog, running: &mut Running) -> anyhow::Result<()> {
    let loads = private_socket::bind(&data.edge_socket()).context("cannot open the edge's socket")?;
    let shutdown = running.shutdown();
    running.add("edge", async move {
        roost_edge::serve_loads(loads, catalog, shutdown).await;
        Ok(())
    });
    Ok(())
}

fn settings(config: &ServerConfig) -> EdgeConfig {
    let edge = &config.edge;
    EdgeConfig {
        threads: edge.threads.unwrap_or_else(roost_edge::default_threads),
        max_connections: edge.max_connections,
        max_connections_per_app: edge
            .max_connections_per_app
            .unwrap_or_else(|| roost_edge::share_of_one_app(edge.max_connections)),
        client_limits: ClientLimits {
            connections: edge.max_connections_per_client,
            handshakes: edge.max_handshakes_per_client,
        },
        proxies: edge.proxies.clone(),
        metrics: edge.metrics,
        // No authority vouches for names that mean every box.
        self_signed: config.base_domain.ends_with(".localhost"),
        ..EdgeConfig::new(&config.base_domain, config.host_id.clone(), config.region.clone())
    }
}

/// For machines, at their networks' addresses of apps; none on a box without IPv6, where there are no such networks.
async fn inside(sockets: &Sockets) -> anyhow::Result<Option<Listener>> {
    let address = SocketAddr::from((addr::DNS, addr::APPS_PORT));
    match sockets.tcp(address).await {
        Ok(socket) => Ok(Some(Listener { socket, public_port: addr::APPS_PORT, kind: ListenerKind::Inside })),
        Err(error) if error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => Ok(None),
        Err(error) => {
            let failed = Err(error).with_context(|| format!("cannot listen on {address}"));
            failed.or_next(format!(
                "stop what listens on port {}: apps' private addresses need it",
                addr::APPS_PORT
            ))
        }
    }
}

async fn quic_listener(sockets: &Sockets, address: SocketAddr) -> anyhow::Result<QuicListener> {
    let socket = sockets.udp(address).await.and_then(|socket| socket.into_std());
    let socket = socket.with_context(|| format!("cannot listen on UDP {address}"));
    let socket = socket.or_next("stop what listens there, or set [edge] http3")?;
    Ok(QuicListener { socket, public_port: HTTPS_PORT })
}

async fn listen(
    sockets: &Sockets,
    address: SocketAddr,
    public_port: u16,
    kind: ListenerKind,
    key: &str,
) -> anyhow::Result<Listener> {
    let socket = sockets.tcp(address).await.with_context(|| format!("cannot listen on {address}"));
    let socket = socket.or_next(format!("stop what listens there, or set [edge] {key}"))?;
    tracing::info!(address = %socket.local_addr()?, key, "edge serves");
    Ok(Listener { socket, public_port, kind })
}

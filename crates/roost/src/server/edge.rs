//! The edge role: listeners for the apps' users.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use roost_catalog::Catalog;
use roost_edge::{EdgeConfig, Listener};
use roost_host_api::HostClient;
use tokio::net::TcpListener;

use super::{DataDir, private_socket, running::Running};
use crate::{config::ServerConfig, failure::OrNext as _};

/// The port of fly.toml that a plain HTTP listener stands for.
const HTTP_PORT: u16 = 80;

/// Starts the role; returns when it accepts connections.
pub async fn start(
    config: &ServerConfig,
    data: &DataDir,
    catalog: Catalog,
    host: HostClient,
    running: &mut Running,
) -> anyhow::Result<()> {
    let mut listeners = Vec::new();
    for &address in &config.edge.http {
        let socket = bind(address).await.with_context(|| format!("cannot listen on {address}"));
        let socket = socket.or_next("stop what listens there, or set [edge] http")?;
        tracing::info!(address = %socket.local_addr()?, "edge serves");
        listeners.push(Listener { socket, public_port: HTTP_PORT });
    }
    let loads = private_socket::bind(&data.edge_socket()).context("cannot open the edge's socket")?;
    let (known, shutdown) = (catalog.clone(), running.shutdown());
    running.add("edge", async move {
        roost_edge::serve_loads(loads, known, shutdown).await;
        Ok(())
    });
    let settings = EdgeConfig::new(&config.base_domain, config.host_id.clone(), config.region.clone());
    let shutdown = running.shutdown();
    running.add(
        "edge",
        async move { Ok(roost_edge::serve(settings, catalog, host, listeners, shutdown).await?) },
    );
    Ok(())
}

/// `[::]` takes IPv4 as well; a box without IPv6 listens on IPv4 alone.
async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(e) if e.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) && address.ip().is_unspecified() => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}

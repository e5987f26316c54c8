//! The role: both sockets until the end.

use std::{io, net::SocketAddr, sync::Arc};

use roost_catalog::Catalog;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{DnsConfig, answer::Answerer, forward::Forwarder, resolv_conf::Upstreams, tcp, udp};

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    #[error("cannot listen for DNS on {address}; the host role puts that address on the loopback interface")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the DNS server's socket failed")]
    Socket(#[source] io::Error),
}

/// Serves until `shutdown`. Somebody must keep `catalog` fresh.
pub async fn serve(config: DnsConfig, catalog: Catalog, shutdown: CancellationToken) -> Result<(), DnsError> {
    let address = config.listen;
    let listen = |source| DnsError::Listen { address, source };
    let socket = Arc::new(UdpSocket::bind(address).await.map_err(listen)?);
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    info!(%address, "dns listens");
    let upstreams = Upstreams::new(config.upstreams, config.resolv_conf);
    let answerer = Answerer { catalog, forwarder: Arc::new(Forwarder { upstreams }), quota: Arc::default() };
    let serving =
        async { tokio::try_join!(udp::serve(socket, answerer.clone()), tcp::serve(listener, answerer)) };
    match shutdown.run_until_cancelled(serving).await {
        Some(Err(error)) => Err(DnsError::Socket(error)),
        Some(Ok(_)) | None => Ok(()),
    }
}

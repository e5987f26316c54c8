//! One socket: its connections, as long as there is room for them.

use std::{io, sync::Arc, time::Duration};

use quinn::{
    Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime, TransportConfig, VarInt,
    crypto::rustls::QuicServerConfig,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{QuicListener, connection};
use crate::{accept::to_end, client::Client, context::Edge, limits, tls};

/// H3_NO_ERROR (RFC 9114, section 8.1).
const NO_ERROR: VarInt = VarInt::from_u32(0x100);

/// Accepts until `shutdown`; connections that are open then end by themselves, within the edge's grace.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    listener: QuicListener,
    room: Arc<Semaphore>,
    shutdown: CancellationToken,
) {
    let port = listener.public_port;
    let endpoint = match open(&edge, listener) {
        Ok(endpoint) => endpoint,
        Err(error) => return warn!(%error, "HTTP/3 can not be served"),
    };
    while let Some(Some(incoming)) = shutdown.run_until_cancelled(endpoint.accept()).await {
        let Some((permit, incoming)) = admit(&room, incoming) else { continue };
        let Ok(client) = client(&endpoint, &incoming, port) else { continue };
        let connection = connection::serve(edge.clone(), incoming, client, permit, shutdown.clone());
        edge.tasks.spawn(to_end(connection));
    }
    // Both processes would read from the one socket: clients are told to come again.
    if edge.config.handover.limit().is_some() {
        endpoint.close(NO_ERROR, b"");
    }
    // The last packets of connections that end.
    edge.tasks.spawn(async move { endpoint.wait_idle().await });
}

fn open(edge: &Arc<Edge>, listener: QuicListener) -> io::Result<Endpoint> {
    let tls = tls::for_quic(edge, listener.public_port);
    let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport(edge.config.head_timeout)));
    let address = listener.socket.local_addr()?;
    listener.socket.set_nonblocking(true)?;
    let runtime = Arc::new(TokioRuntime);
    let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), listener.socket, runtime)?;
    info!(%address, public_port = listener.public_port, "edge listens for HTTP/3");
    Ok(endpoint)
}

/// A client that is gone is noticed within `head_timeout`; one that waits for a slow answer is kept.
fn transport(head_timeout: Duration) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(limits::H2_STREAMS.into())
        .max_concurrent_uni_streams(limits::H3_CONTROL_STREAMS.into())
        .stream_receive_window(limits::H2_STREAM_WINDOW.into())
        .receive_window(limits::H2_CONNECTION_WINDOW.into())
        .send_window(limits::H2_CONNECTION_WINDOW.into())
        .keep_alive_interval(Some(head_timeout / 2))
        .max_idle_timeout(idle_timeout(head_timeout));
    transport
}

fn idle_timeout(limit: Duration) -> Option<quinn::IdleTimeout> {
    let ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    Some(VarInt::from_u32(ms).into())
}

/// A place in the edge. Once many are taken, a client first has to show that its address is its own.
fn admit(room: &Arc<Semaphore>, incoming: Incoming) -> Option<(OwnedSemaphorePermit, Incoming)> {
    let crowded = room.available_permits() < limits::H3_RETRY_BELOW;
    if crowded && !incoming.remote_address_validated() {
        // Allowed, as the address is not validated.
        let _ = incoming.retry();
        return None;
    }
    match Arc::clone(room).try_acquire_owned() {
        Ok(permit) => Some((permit, incoming)),
        Err(_) => {
            incoming.refuse();
            None
        }
    }
}

fn client(endpoint: &Endpoint, incoming: &Incoming, public_port: u16) -> io::Result<Client> {
    let mut local = endpoint.local_addr()?;
    if let Some(reached) = incoming.local_ip() {
        local.set_ip(reached);
    }
    Ok(Client::new(incoming.remote_address(), local, public_port))
}

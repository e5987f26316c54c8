//! Step 1: a client's connection, and the requests on it one after another.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Duration, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{Listener, context::Edge, limits, request, socket};

/// Pause after an accept that failed, most often because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connection that a request came on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    pub peer: SocketAddr,
    /// The node's end.
    pub local: SocketAddr,
    /// The port that the listener stands for.
    pub public_port: u16,
}

/// Accepts until `shutdown`. At most `room` connections are open; the next one waits in the
/// kernel's queue.
pub(crate) async fn accept(
    edge: Arc<Edge>,
    listener: Listener,
    room: Arc<Semaphore>,
    shutdown: CancellationToken,
) {
    while let Some(Ok(permit)) = shutdown.run_until_cancelled(Arc::clone(&room).acquire_owned()).await {
        let Some(accepted) = shutdown.run_until_cancelled(listener.socket.accept()).await else { break };
        match accepted {
            Ok((stream, peer)) => {
                let connection =
                    connection(edge.clone(), stream, peer, listener.public_port, shutdown.clone());
                edge.tasks.spawn(with_permit(permit, connection));
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn with_permit(permit: OwnedSemaphorePermit, connection: impl Future<Output = io::Result<()>>) {
    if let Err(error) = connection.await {
        debug!(%error, "client's connection ended early");
    }
    drop(permit);
}

async fn connection(
    edge: Arc<Edge>,
    stream: TcpStream,
    peer: SocketAddr,
    public_port: u16,
    shutdown: CancellationToken,
) -> io::Result<()> {
    socket::prepare(&stream)?;
    let client = Client { peer: plain(peer), local: plain(stream.local_addr()?), public_port };
    let grace = edge.config.shutdown_grace;
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let edge = edge.clone();
        async move { Ok::<_, Infallible>(request::handle(&edge, client, request).await) }
    });
    let mut connection = pin!(http().serve_connection(TokioIo::new(stream), service).with_upgrades());
    let served = match shutdown.run_until_cancelled(connection.as_mut()).await {
        Some(served) => served,
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(grace, connection).await.unwrap_or(Ok(()))
        }
    };
    served.map_err(io::Error::other)
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIMEOUT)
        .max_headers(limits::MAX_HEADERS)
        .max_buf_size(limits::MAX_BUFFER);
    http
}

/// An IPv4 client of an IPv6 socket is shown as what it is.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

//! Step 1: a client's connection, on one of the edge's threads.
//!
//! ```text
//!  accept ─► PROXY header, from trusted proxies; or the address that a machine reached ─► a place for the client's address
//!         ─► handlers: TLS, HTTP, or bytes
//! ```

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::AsFd as _,
    sync::Arc,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Duration, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    Listener, ListenerKind,
    client::Client,
    context::Edge,
    handlers, inside, proxy_protocol,
    seat::Seat,
    socket::{self, Socket},
};

/// Pause after an accept that failed, most often because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts on every thread of the edge until `shutdown`; a connection stays on the thread that was the first to take
/// it: one that has nothing to do. `tasks` knows when all have ended.
pub(crate) fn begin(
    edge: &Arc<Edge>,
    listener: Listener,
    room: &Arc<Semaphore>,
    shutdown: &CancellationToken,
    tasks: &TaskTracker,
) -> io::Result<()> {
    let Listener { socket, public_port, kind } = listener;
    // What it accepts is prepared as it is.
    socket::prepare(&socket)?;
    if matches!(kind, ListenerKind::Inside) {
        socket::stays_on_the_host(&socket);
    }
    let socket = socket.into_std()?;
    for worker in &edge.workers {
        let _inside = worker.enter();
        let socket = socket.try_clone()?;
        // SAFETY: the descriptor is owned by the `AsyncFd` and never replaced.
        let socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE)? };
        let entrance = Entrance { socket, public_port, kind: kind.clone() };
        tasks.spawn_on(accept(edge.clone(), entrance, room.clone(), shutdown.clone()), worker);
    }
    Ok(())
}

/// A listener, on the event loop of one thread.
struct Entrance {
    socket: AsyncFd<TcpListener>,
    public_port: u16,
    kind: ListenerKind,
}

impl Entrance {
    /// The next connection.
    async fn next(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            let mut ready = self.socket.readable().await?;
            if !self.has_next() {
                ready.clear_ready();
                continue;
            }
            // Another thread may have been faster.
            let Ok(accepted) = ready.try_io(|socket| socket.get_ref().accept()) else { continue };
            let (stream, peer) = accepted?;
            stream.set_nonblocking(true)?;
            return Ok((TcpStream::from_std(stream)?, peer));
        }
    }

    /// Asked before each: the kernel makes a whole socket before it sees that nobody is there for it, so that to accept in vain costs
    /// as much as to accept. A signal leaves it open.
    fn has_next(&self) -> bool {
        let mut socket = [PollFd::new(self.socket.get_ref().as_fd(), PollFlags::POLLIN)];
        poll(&mut socket, PollTimeout::ZERO).map_or(true, |ready| ready > 0)
    }
}

/// Accepts on one thread. At most `room` connections are open; the next one waits in the
/// kernel's queue.
async fn accept(edge: Arc<Edge>, entrance: Entrance, room: Arc<Semaphore>, shutdown: CancellationToken) {
    while let Some(Ok(permit)) = shutdown.run_until_cancelled(Arc::clone(&room).acquire_owned()).await {
        let Some(accepted) = shutdown.run_until_cancelled(entrance.next()).await else { break };
        match accepted {
            Ok((stream, peer)) => {
                let Entrance { public_port, kind, .. } = &entrance;
                let arrived = Arrived { stream, peer, public_port: *public_port, kind: kind.clone() };
                // Boxed: it is large, and is moved some times before it runs.
                let connection = Box::pin(connection(edge.clone(), arrived, permit, shutdown.clone()));
                edge.tasks.spawn(to_end(connection));
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection, and what its listener says of it.
struct Arrived {
    stream: TcpStream,
    peer: SocketAddr,
    public_port: u16,
    kind: ListenerKind,
}

/// Carries a connection.
pub(crate) async fn to_end(connection: impl Future<Output = io::Result<()>>) {
    if let Err(error) = connection.await {
        debug!(%error, "client's connection ended early");
    }
}

async fn connection(
    edge: Arc<Edge>,
    arrived: Arrived,
    permit: OwnedSemaphorePermit,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let Arrived { mut stream, peer, public_port, kind } = arrived;
    let mut client = Client::new(peer, stream.local_addr()?, public_port);
    let kind = match kind {
        ListenerKind::Inside => ListenerKind::Of(inside::reach(&edge, &stream, &mut client)?),
        kind => {
            if edge.config.is_trusted_proxy(client.peer.ip()) {
                proxy_protocol::read(&mut stream, &mut client).await?;
            }
            kind
        }
    };
    let place = edge.arrivals.enter(client.peer.ip()).map_err(io::Error::other)?;
    let seat = Seat::new(permit, place);
    client.seat = Some(seat.clone());
    handlers::serve(edge, Socket::Attached(stream, seat), client, kind, shutdown).await
}

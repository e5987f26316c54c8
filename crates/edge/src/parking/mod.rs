//! Connections that wait for their client's next request, each as small as it can be.
//!
//! ```text
//!  serve_http: quiet for a second ─► Parked ─► the thread's Lot ─┬─ a byte comes ─► serve_http, in a new task
//!                                                                ├─ its time is over, the edge stops ─► closed
//!                                                                └─ the client closes ─► serve_http, which ends
//! ```
//!
//! A task, a place on the event loop and what hyper remembers are some kilobytes; most connections of an edge do nothing
//! most of the time. What remains is a descriptor, the client's address, what TLS remembers, and a slot in a table.
//! All of a thread's parked connections share one descriptor of the kernel's (epoll) on its event loop.
//!
//! Not responsible for: whether a connection may be parked (`http1` says so).

mod lot;
mod memory;
mod slots;

use std::{io, sync::Arc};

use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};

pub(crate) use self::lot::{Lot, run};
use crate::{
    accept::to_end,
    client::{Client, HttpVersion},
    client_io::ClientIo,
    context::Edge,
    serve_http::serve_http,
    workers,
};

/// A connection of HTTP/1.1 between two requests.
pub(crate) struct Parked {
    io: ClientIo,
    client: Client,
    /// Its listener closes.
    shutdown: CancellationToken,
    /// The edge does not end before it.
    _token: TaskTrackerToken,
}

impl Parked {
    /// Takes the connection off its event loop.
    pub fn new(
        edge: &Edge,
        mut io: ClientIo,
        mut client: Client,
        shutdown: CancellationToken,
    ) -> io::Result<Self> {
        client.shrink();
        io.detach()?;
        Ok(Self { io, client, shutdown, _token: edge.tasks.token() })
    }

    fn close(self) {
        self.io.close();
    }
}

/// Parks on this thread, until `deadline` at the latest.
pub(crate) fn park(edge: &Arc<Edge>, parked: Parked, deadline: Instant) -> io::Result<()> {
    edge.lots[workers::current()].park(parked, deadline)
}

/// Serves again, on the event loop of this thread: something has come.
fn resume(edge: &Arc<Edge>, parked: Parked) {
    let Parked { mut io, mut client, shutdown, .. } = parked;
    let edge = edge.clone();
    edge.tasks.clone().spawn(to_end(Box::pin(async move {
        client.seat = Some(io.attach()?);
        serve_http(edge, io, client, HttpVersion::Http1, shutdown).await
    })));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_connection_is_small() {
        assert!(size_of::<Parked>() <= 256, "{} bytes", size_of::<Parked>());
    }
}

//! Ports beside those of HTTP: opened and closed as apps' services come and go.
//!
//! ```text
//!  catalog: ports given to apps, services of their machines ─► wanted ─┬─ new: bind, accept
//!                                                                      └─ gone: close; connections go on
//! ```
//!
//! Which app may have which port is the api's to decide, and recorded; here a port opens only for the app that
//! has it. A port that cannot be opened is tried again with the next look.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use roost_catalog::{PortHolder, Snapshot};
use roost_model::service::Protocol;
use roost_routing::Over;
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{Listener, ListenerKind, accept, context::Edge, datagrams, limits::MAX_OPENINGS};

/// Between two looks when nothing changes: a port may be free again that somebody else had.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

type Port = (Protocol, u16);

/// An open port; dropping it closes the port, and leaves its TCP connections.
struct Opening {
    holder: PortHolder,
    closed: CancellationToken,
    edge: Arc<Edge>,
    port: Port,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.closed.cancel();
        let address = address(&self.edge, self.port);
        match self.port.0 {
            Protocol::Tcp => self.edge.sockets.close_tcp(address),
            Protocol::Udp => self.edge.sockets.close_udp(address),
        }
    }
}

fn address(edge: &Edge, (_, port): Port) -> SocketAddr {
    SocketAddr::new(edge.config.services_address, port)
}

/// Follows the catalog until `shutdown`.
pub(crate) async fn follow(edge: Arc<Edge>, room: Arc<Semaphore>, shutdown: CancellationToken) {
    let mut open: BTreeMap<Port, Opening> = BTreeMap::new();
    let mut refused: BTreeSet<Port> = BTreeSet::new();
    let tasks = TaskTracker::new();
    let mut changes = edge.catalog.changes();
    while !shutdown.is_cancelled() {
        let wanted = wanted(&edge.catalog.snapshot());
        open.retain(|port, opening| wanted.get(port) == Some(&opening.holder));
        refused.retain(|port| wanted.contains_key(port));
        for (port, holder) in wanted {
            if open.contains_key(&port) {
                continue;
            }
            let closed = shutdown.child_token();
            match begin(&edge, port, &holder, &room, &closed, &tasks).await {
                Ok(()) => {
                    refused.remove(&port);
                    info!(port = port.1, protocol = ?port.0, ?holder, "port opened");
                    open.insert(port, Opening { holder, closed, edge: edge.clone(), port });
                }
                Err(error) if refused.insert(port) => {
                    warn!(port = port.1, protocol = ?port.0, %error, "a port of an app cannot be opened");
                }
                Err(_) => {}
            }
        }
        let next = timeout(LOOK_AGAIN, changes.next());
        let _ = shutdown.run_until_cancelled(next).await;
    }
    drop(open);
    tasks.close();
    tasks.wait().await;
}

/// The ports that apps have and use, in the order of their numbers.
fn wanted(snapshot: &Snapshot) -> BTreeMap<Port, PortHolder> {
    let used = snapshot.ports().iter().filter(|((protocol, port), holder)| match holder {
        PortHolder::Shared => true,
        PortHolder::App(app) if snapshot.is_private(app) => false,
        PortHolder::App(app) => snapshot.app(app).is_some_and(|app| {
            let over = match protocol {
                Protocol::Tcp => Over::Tcp,
                Protocol::Udp => Over::Udp,
            };
            app.routes.cohorts().iter().any(|cohort| cohort.binding(over, *port).is_some())
        }),
    });
    used.map(|(port, holder)| (*port, holder.clone())).take(MAX_OPENINGS).collect()
}

async fn begin(
    edge: &Arc<Edge>,
    (protocol, port): Port,
    holder: &PortHolder,
    room: &Arc<Semaphore>,
    closed: &CancellationToken,
    tasks: &TaskTracker,
) -> io::Result<()> {
    let address = address(edge, (protocol, port));
    match (protocol, holder) {
        (Protocol::Tcp, holder) => {
            let socket = edge.sockets.tcp(address).await?;
            let kind = match holder {
                PortHolder::Shared => ListenerKind::Shared,
                PortHolder::App(app) => ListenerKind::Of(app.clone()),
            };
            let listener = Listener { socket, public_port: port, kind };
            accept::begin(edge, listener, room, closed, tasks)?;
        }
        (Protocol::Udp, PortHolder::App(app)) => {
            let socket = Arc::new(edge.sockets.udp(address).await?);
            tasks.spawn(datagrams::serve(edge.clone(), socket, app.clone(), port, closed.clone()));
        }
        (Protocol::Udp, PortHolder::Shared) => {}
    }
    Ok(())
}

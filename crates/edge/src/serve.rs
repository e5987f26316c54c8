//! The role: listeners, the sleeper, and an orderly end.

use std::{io, sync::Arc};

use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::info;

use crate::{
    EdgeConfig, EdgeParts, Listener, ListenerKind, accept::accept, context::Edge, openings, sleeper, tls,
    tls::SelfSignedError,
};

/// Serves until `shutdown`, then lets requests in flight end within the configured grace.
///
/// Machines are left as they are.
pub async fn serve(
    config: EdgeConfig,
    parts: EdgeParts,
    listeners: Vec<Listener>,
    shutdown: CancellationToken,
) -> Result<(), EdgeError> {
    let grace = config.shutdown_grace;
    let room = Arc::new(Semaphore::new(config.max_connections));
    let edge = Edge::new(config, parts, https_port(&listeners), shutdown.clone())?;
    // A warm start has certificates before the first client comes.
    let certificates = tls::refresh(&edge).await;
    let accepting = TaskTracker::new();
    for listener in listeners {
        let address = listener.socket.local_addr().map_err(EdgeError::Listener)?;
        info!(%address, public_port = listener.public_port, "edge listens");
        accepting.spawn(accept(edge.clone(), listener, room.clone(), shutdown.clone()));
    }
    accepting.spawn(openings::follow(edge.clone(), room, shutdown.clone()));
    accepting.close();
    tokio::select! {
        () = sleeper::run(edge.clone()) => {}
        () = tls::keep(edge.clone(), certificates) => {}
        () = shutdown.cancelled() => {}
    }
    accepting.wait().await;
    edge.tasks.close();
    let _ = timeout(grace, edge.tasks.wait()).await;
    Ok(())
}

/// Where a client that has to come back encrypted is sent: the port as it is bound, for that is the one
/// that the client can reach.
fn https_port(listeners: &[Listener]) -> Option<u16> {
    let https = listeners.iter().find(|listener| listener.kind == ListenerKind::Https)?;
    Some(https.socket.local_addr().map_or(https.public_port, |address| address.port()))
}

/// Why the edge could not serve.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    #[error("the edge can not speak TLS")]
    Tls(#[from] SelfSignedError),
    #[error("a listener of the edge is unusable")]
    Listener(#[source] io::Error),
}

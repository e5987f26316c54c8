//! The role: listeners, the sleeper, and an orderly end.

use std::{io, sync::Arc};

use roost_catalog::Catalog;
use roost_host_api::HostClient;
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::info;

use crate::{EdgeConfig, Listener, accept::accept, context::Edge, sleeper};

/// Serves until `shutdown`, then lets requests in flight end within the configured grace.
///
/// `catalog` must be followed by somebody; `host` is the node's own. Machines are left as they are.
pub async fn serve(
    config: EdgeConfig,
    catalog: Catalog,
    host: HostClient,
    listeners: Vec<Listener>,
    shutdown: CancellationToken,
) -> Result<(), EdgeError> {
    let grace = config.shutdown_grace;
    let room = Arc::new(Semaphore::new(config.max_connections));
    let edge = Edge::new(config, catalog, host);
    let accepting = TaskTracker::new();
    for listener in listeners {
        let address = listener.socket.local_addr().map_err(EdgeError::Listener)?;
        info!(%address, public_port = listener.public_port, "edge listens");
        accepting.spawn(accept(edge.clone(), listener, room.clone(), shutdown.clone()));
    }
    accepting.close();
    tokio::select! {
        () = sleeper::run(edge.clone()) => {}
        () = shutdown.cancelled() => {}
    }
    accepting.wait().await;
    edge.tasks.close();
    let _ = timeout(grace, edge.tasks.wait()).await;
    Ok(())
}

/// Why the edge could not serve.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    #[error("a listener of the edge is unusable")]
    Listener(#[source] io::Error),
}

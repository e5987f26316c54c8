//! The role: listeners, the sleeper, and an orderly end.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{sync::Semaphore, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::info;

use crate::{
    EdgeConfig, EdgeParts, Listener, ListenerKind, QuicListener, accept, app_log,
    context::{Edge, Ports},
    http3, metrics, openings, parking, sleeper, tls,
    tls::SelfSignedError,
    workers::Workers,
};

/// Serves until `shutdown`, then lets requests in flight end within the configured grace, or the limit of the
/// handover.
///
/// Machines are left as they are.
pub async fn serve(
    config: EdgeConfig,
    mut parts: EdgeParts,
    listeners: Vec<Listener>,
    shutdown: CancellationToken,
) -> Result<(), EdgeError> {
    let room = Arc::new(Semaphore::new(config.max_connections));
    let quic = std::mem::take(&mut parts.quic);
    let workers = Workers::start(config.threads).map_err(EdgeError::Threads)?;
    config.loops.are(workers.loops());
    let leave = CancellationToken::new();
    let edge = Edge::new(config, parts, ports(&listeners, &quic), leave.clone(), workers.loops())?;
    // A warm start has certificates before the first client comes.
    let certificates = tls::refresh(&edge).await;
    let accepting = TaskTracker::new();
    for (worker, lot) in edge.workers.iter().zip(&edge.lots) {
        worker.spawn(parking::run(edge.clone(), lot.clone(), shutdown.clone()));
    }
    for listener in listeners {
        let address = listener.socket.local_addr().map_err(EdgeError::Listener)?;
        info!(%address, public_port = listener.public_port, "edge listens");
        accept::begin(&edge, listener, &room, &shutdown, &accepting).map_err(EdgeError::Listener)?;
    }
    for listener in quic {
        accepting.spawn(http3::serve(edge.clone(), listener, room.clone(), shutdown.clone()));
    }
    accepting.spawn(openings::follow(edge.clone(), room, shutdown.clone()));
    accepting.spawn(app_log::deliver(edge.clone(), shutdown.clone()));
    if let Some(address) = edge.config.metrics {
        accepting.spawn(metrics::serve(edge.clone(), address, shutdown.clone()));
    }
    accepting.close();
    tokio::select! {
        () = sleeper::run(edge.clone()) => {}
        () = tls::keep(edge.clone(), certificates) => {}
        () = shutdown.cancelled() => {}
    }
    accepting.wait().await;
    edge.tasks.close();
    // In a handover even WebSockets may go on, until its limit.
    if let Some(limit) = edge.config.handover.limit()
        && timeout(limit, edge.tasks.wait()).await.is_ok()
    {
        return Ok(());
    }
    leave.cancel();
    let _ = timeout(edge.config.shutdown_grace, edge.tasks.wait()).await;
    Ok(())
}

/// The ports as they are bound: those are the ones that clients can reach.
fn ports(listeners: &[Listener], quic: &[QuicListener]) -> Ports {
    let https = listeners.iter().find(|listener| listener.kind == ListenerKind::Https);
    let https = https.map(|listener| (listener.socket.local_addr(), listener.public_port));
    let http3 = quic.first().map(|listener| (listener.socket.local_addr(), listener.public_port));
    let bound = |(address, public): (io::Result<SocketAddr>, u16)| address.map_or(public, |a| a.port());
    Ports { https: https.map(bound), http3: http3.map(bound) }
}

/// Why the edge could not serve.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    #[error("the edge can not speak TLS")]
    Tls(#[from] SelfSignedError),
    #[error("the edge's threads can not be started")]
    Threads(#[source] io::Error),
    #[error("a listener of the edge is unusable")]
    Listener(#[source] io::Error),
}

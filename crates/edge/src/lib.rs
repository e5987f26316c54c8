//! The edge.
mod config;
pub use config::{EdgeConfig, Listener};

/// Serves until `shutdown`, then lets requests in flight end.
pub async fn serve(
    config: EdgeConfig,
    catalog: roost_catalog::Catalog,
    host: roost_host_api::HostClient,
    listeners: Vec<Listener>,
    shutdown: tokio_util::sync::CancellationToken,
) -> std::io::Result<()> {
    shutdown.cancelled().await;
    drop((config, catalog, host, listeners));
    Ok(())
}

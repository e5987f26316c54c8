//! Everything that keeps a catalog fresh, in one future.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use roost_directory::Directory;
use roost_host_api::HostClient;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::Catalog;

/// Between two copies to disk while things change: a warm start may be this much behind.
const SAVE_EVERY: Duration = Duration::from_secs(5);

impl Catalog {
    /// Follows the directory and every host until `shutdown`, and saves copies, the last at the end.
    pub async fn run(
        &self,
        directory: Arc<dyn Directory>,
        hosts: Vec<HostClient>,
        shutdown: CancellationToken,
    ) {
        let hosts = hosts.into_iter().map(|client| self.follow_host(client, shutdown.clone()));
        tokio::join!(
            self.follow_directory(directory, shutdown.clone()),
            join_all(hosts),
            self.save_until(shutdown.clone()),
        );
    }

    async fn save_until(&self, shutdown: CancellationToken) {
        let mut changes = self.changes();
        while shutdown.run_until_cancelled(changes.next()).await.is_some() {
            let _ = timeout(SAVE_EVERY, shutdown.cancelled()).await;
            self.save_or_warn().await;
        }
        self.save_or_warn().await;
    }

    async fn save_or_warn(&self) {
        let catalog = self.clone();
        let saved = tokio::task::spawn_blocking(move || catalog.save()).await;
        if let Ok(Err(error)) = saved {
            warn!(error = &error as &dyn std::error::Error, "warm start will be cold");
        }
    }
}

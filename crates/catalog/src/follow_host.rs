//! Following one host's watch stream, for as long as the node runs.

use std::time::Duration;

use futures::StreamExt;
use roost_host_api::{HostClient, HostError, WatchEvent};
use roost_model::HostId;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{Catalog, Change};

/// Lines merged in one swap when many have come at once.
const BATCH: usize = 512;

/// Wait before the first new attempt; doubled up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(2);

impl Catalog {
    /// Follows the host behind `client` until `shutdown`, connecting again whenever its stream ends.
    pub async fn follow_host(&self, client: HostClient, shutdown: CancellationToken) {
        let mut follower = Follower { catalog: self.clone(), client, host: None, retry: FIRST_RETRY };
        let _ = shutdown.run_until_cancelled(follower.run()).await;
    }
}

struct Follower {
    catalog: Catalog,
    client: HostClient,
    /// Known after the first hello.
    host: Option<HostId>,
    retry: Duration,
}

impl Follower {
    async fn run(&mut self) {
        loop {
            let ended = self.follow_once().await;
            match &self.host {
                Some(host) => {
                    warn!(%host, error = ?ended.err(), "host's stream ended");
                    self.catalog.apply([Change::HostLost(host.clone())]);
                }
                None => debug!(error = ?ended.err(), "host does not answer yet"),
            }
            sleep(self.retry).await;
            self.retry = (self.retry * 2).min(LONGEST_RETRY);
        }
    }

    /// Returns when the stream ends.
    async fn follow_once(&mut self) -> Result<(), HostError> {
        let mut batches = self.client.watch().await?.ready_chunks(BATCH);
        while let Some(batch) = batches.next().await {
            let mut failed = None;
            let mut changes = Vec::with_capacity(batch.len());
            for event in batch {
                match event {
                    Ok(event) => changes.extend(self.read(event)),
                    Err(error) => failed = Some(error),
                }
            }
            self.catalog.apply(changes);
            if let Some(error) = failed {
                return Err(error);
            }
        }
        Ok(())
    }

    /// What one event means for the catalog. Anything before the hello says nothing.
    fn read(&mut self, event: WatchEvent) -> Option<Change> {
        if let WatchEvent::Hello { host, epoch } = event {
            info!(host = %host.id, %epoch, "following host");
            self.host = Some(host.id.clone());
            self.retry = FIRST_RETRY;
            return Some(Change::HostHello(Box::new(host)));
        }
        let host = self.host.clone()?;
        Some(match event {
            WatchEvent::Hello { .. } => return None,
            WatchEvent::Machine { machine, .. } => Change::Machine(machine),
            WatchEvent::Gone { id, .. } => Change::Gone { host, id },
            WatchEvent::Synced { .. } => Change::Synced(host),
            WatchEvent::Heartbeat { .. } => Change::Heard(host),
        })
    }
}

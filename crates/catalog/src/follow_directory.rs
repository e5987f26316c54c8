//! Following the directory: which apps are declared.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use roost_directory::{Directory, DirectoryError, Event, KeyValue, Range, Revision};
use roost_model::AppName;
use roost_records::{Record, key};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{AppRecord, Catalog, Change};

/// Wait before reading everything again after the watch ended.
const RETRY: Duration = Duration::from_millis(500);

impl Catalog {
    /// Follows the directory until `shutdown`: reads all apps, then every change; again from the
    /// start whenever the watch ends.
    pub async fn follow_directory(&self, directory: Arc<dyn Directory>, shutdown: CancellationToken) {
        let following = async {
            loop {
                if let Err(error) = self.follow_apps(&*directory).await {
                    warn!(%error, "the directory's watch ended");
                }
                sleep(RETRY).await;
            }
        };
        let _: Option<()> = shutdown.run_until_cancelled(following).await;
    }

    async fn follow_apps(&self, directory: &dyn Directory) -> Result<(), DirectoryError> {
        let (apps, revision) = all_apps(directory).await?;
        self.apply([Change::AllApps(apps)]);
        let mut changes = directory.watch(key::APPS, Some(revision + 1)).await?;
        while let Some(batch) = changes.next().await {
            self.apply(batch?.events.iter().filter_map(change));
        }
        Ok(())
    }
}

/// Every app, and a revision that none of them is newer than: changes after it follow in the watch,
/// which may tell again of what was read.
async fn all_apps(directory: &dyn Directory) -> Result<(Vec<AppRecord>, Revision), DirectoryError> {
    let mut apps = Vec::new();
    let mut page = Range::prefix(key::APPS);
    let mut first_revision = None;
    loop {
        let result = directory.range(page.clone()).await?;
        let revision = *first_revision.get_or_insert(result.revision);
        apps.extend(result.kvs.iter().filter_map(app));
        match result.kvs.last() {
            Some(last) if result.more => page = page.after(last.key.clone()),
            _ => return Ok((apps, revision)),
        }
    }
}

fn change(event: &Event) -> Option<Change> {
    match event {
        Event::Put(kv) => app(kv).map(Change::App),
        Event::Delete { key } => key.strip_prefix(key::APPS)?.parse::<AppName>().ok().map(Change::AppDeleted),
    }
}

/// The app under a key; one that cannot be read is skipped, the others matter more.
fn app(kv: &KeyValue) -> Option<AppRecord> {
    match roost_records::AppRecord::decode(kv) {
        Ok(record) => Some(AppRecord { name: record.name, network: record.network }),
        Err(error) => {
            warn!(%error, "app skipped");
            None
        }
    }
}

//! The handle: one writer's state behind a lock, one snapshot in front of it.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::{ArcSwap, Guard};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::{Change, Snapshot, saved, state::State};

/// Where the catalog keeps its copy between runs.
#[derive(Debug, Clone, Default)]
pub struct CatalogConfig {
    /// A file that is written from time to time and read at start; `None`: start cold.
    pub save_to: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("cannot save the catalog to {path}")]
    Save { path: PathBuf, source: io::Error },
}

/// A cheap handle on the read model.
#[derive(Clone)]
pub struct Catalog {
    shared: Arc<Shared>,
}

struct Shared {
    config: CatalogConfig,
    /// Followers write one after another; readers never come here.
    state: Mutex<State>,
    current: ArcSwap<Snapshot>,
    version: watch::Sender<u64>,
}

impl Catalog {
    /// A catalog that knows what it knew when it was last saved, every host marked unreachable. A
    /// saved file that cannot be read is as good as none: the sources are asked anyway.
    pub fn open(config: CatalogConfig) -> Self {
        let mut state = State::default();
        if let Some(path) = &config.save_to {
            saved::load(path, &mut state);
        }
        let current = ArcSwap::from_pointee(state.snapshot.clone());
        let version = watch::Sender::new(0);
        Self { shared: Arc::new(Shared { config, state: Mutex::new(state), current, version }) }
    }

    /// The snapshot of this moment, for short use on a hot path.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.shared.current.load()
    }

    /// The snapshot of this moment, to keep.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.current.load_full()
    }

    /// Tells of every new snapshot from now on.
    pub fn changes(&self) -> Changes {
        Changes(self.shared.version.subscribe())
    }

    /// Waits until `find` finds something in the snapshot, now or later.
    pub async fn wait_for<T>(&self, mut find: impl FnMut(&Snapshot) -> Option<T>) -> T {
        let mut changes = self.changes();
        loop {
            if let Some(found) = find(&self.load()) {
                return found;
            }
            changes.next().await;
        }
    }

    /// Merges `changes` and swaps the snapshot once.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>) {
        let now = Timestamp::now();
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut visible = false;
        for change in changes {
            visible |= state.apply(change, now);
        }
        self.shared.current.store(Arc::new(state.snapshot.clone()));
        if visible {
            self.shared.version.send_modify(|version| *version += 1);
        }
    }

    /// Writes what is known to the configured file, if any.
    pub fn save(&self) -> Result<(), CatalogError> {
        let Some(path) = &self.shared.config.save_to else { return Ok(()) };
        saved::save(path, &self.snapshot())
            .map_err(|source| CatalogError::Save { path: path.clone(), source })
    }
}

/// Wakes when the catalog changes.
#[derive(Clone)]
pub struct Changes(watch::Receiver<u64>);

impl Changes {
    /// Returns when there is a snapshot newer than at the last call.
    pub async fn next(&mut self) {
        // The sender lives as long as the catalog; without it nothing changes any more.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

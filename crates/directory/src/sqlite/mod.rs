//! The backend of one box: a SQLite file in the data folder.
//!
//! One thread writes ([`writer`]), so transactions need no locks among themselves; a few
//! connections read beside it ([`readers`]), which WAL allows. Every commit is synced before it is
//! answered. Watches read the history table until they have caught up, then live from the writer
//! ([`watch`]).

mod lease;
mod readers;
mod rows;
mod schema;
mod transaction;
mod watch;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::broadcast;

use self::{readers::Readers, transaction::Commit, writer::Writer};
use crate::{
    Directory, DirectoryError, KeyValue, LeaseId, Range, RangeResult, Result, Revision, Txn, TxnResult, Watch,
};

/// Revisions kept for watches that come back: hours of a busy box.
const HISTORY_REVISIONS: u64 = 10_000;

/// Commits that a watch may be behind before it reads from the file again.
const LIVE_COMMITS: usize = 256;

#[derive(Clone)]
pub struct SqliteDirectory {
    writer: Writer,
    readers: Arc<Readers>,
    commits: broadcast::Sender<Arc<Commit>>,
}

impl SqliteDirectory {
    /// Opens the file, and makes it when it is not there. Must be called within a tokio runtime.
    /// Leases that were alive when it was last open have their full time again.
    pub async fn open(path: &Path) -> Result<Self> {
        Self::open_with_history(path, HISTORY_REVISIONS).await
    }

    /// As [`Self::open`], keeping at least the last `revisions` of changes.
    pub async fn open_with_history(path: &Path, revisions: u64) -> Result<Self> {
        let path = path.to_owned();
        let (commits, _) = broadcast::channel(LIVE_COMMITS);
        let sender = commits.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let connection = schema::open(&path)?;
            let readers = Readers::open(&path)?;
            Ok::<_, DirectoryError>((connection, readers))
        });
        let (connection, readers) = opened.await.map_err(|e| DirectoryError::Storage(e.to_string()))??;
        let writer = Writer::start(connection, sender, revisions)?;
        Ok(Self { writer, readers: Arc::new(readers), commits })
    }
}

#[async_trait]
impl Directory for SqliteDirectory {
    async fn get(&self, key: &str) -> Result<Option<KeyValue>> {
        let key = key.to_owned();
        self.readers.read(move |connection| Ok(rows::get(connection, &key)?)).await
    }

    async fn range(&self, range: Range) -> Result<RangeResult> {
        self.readers.read(move |connection| Ok(rows::range(connection, &range)?)).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResult> {
        txn.validate()?;
        self.writer.txn(txn).await
    }

    async fn watch(&self, prefix: &str, from: Option<Revision>) -> Result<Watch> {
        watch::start(Arc::clone(&self.readers), self.commits.clone(), prefix.to_owned(), from).await
    }

    async fn lease_grant(&self, ttl: Duration) -> Result<LeaseId> {
        self.writer.lease_grant(ttl).await
    }

    async fn lease_keepalive(&self, lease: LeaseId) -> Result<()> {
        self.writer.lease_keepalive(lease).await
    }

    async fn lease_revoke(&self, lease: LeaseId) -> Result<()> {
        self.writer.lease_revoke(lease).await
    }
}

impl From<rusqlite::Error> for DirectoryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

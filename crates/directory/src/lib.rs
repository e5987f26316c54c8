//! The directory: what people declared, kept under keys, with etcd's semantics.
//!
//! Responsible for: keys and values with revisions, transactions of compares and writes, watching
//! from a revision on, leases that keys hang on. Not responsible for: what the values mean (that
//! is `roost-records`), and anything that changes when a machine starts or stops.
//!
//! ```text
//!   get, range ──────────► readers ─┐
//!                                   ├─ directory.db (WAL, synced)
//!   txn, leases ─► queue ─► writer ─┘
//!                             │ committed batches
//!   watch ◄── history ◄───────┘
//! ```
//!
//! The semantics, which every backend proves by passing [`conformance::run`]:
//!
//! - The store has a revision, 1 when empty. A transaction that changes at least one key raises it
//!   by one; all its changes carry the new revision.
//! - A key counts its puts since it was created (`version`), and knows the revisions of its
//!   creation and of its last change. An absent key compares as version and revisions 0.
//! - A watch delivers every change under a prefix in order, once, without gaps, from any revision
//!   that has not been compacted; else it ends with [`DirectoryError::Compacted`].
//! - When a lease lapses or is revoked, its keys are deleted in one revision.

pub mod conformance;
mod error;
mod limits;
mod sqlite;
mod types;

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

pub use self::{error::DirectoryError, limits::*, sqlite::SqliteDirectory, types::*};

pub type Result<T, E = DirectoryError> = std::result::Result<T, E>;

/// A stream of changes; ends after its first error.
pub type Watch = BoxStream<'static, Result<WatchBatch>>;

/// A backend. Used as `Arc<dyn Directory>`.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The key's value as of the last committed transaction.
    async fn get(&self, key: &str) -> Result<Option<KeyValue>>;

    /// Keys that start with a prefix, in the order of their bytes.
    async fn range(&self, range: Range) -> Result<RangeResult>;

    /// Does `success` if every compare holds, else `failure`; either all of it or nothing.
    async fn txn(&self, txn: Txn) -> Result<TxnResult>;

    /// Changes of keys that start with `prefix`, from revision `from` on; from the next
    /// transaction on when absent.
    async fn watch(&self, prefix: &str, from: Option<Revision>) -> Result<Watch>;

    /// A new lease, which lapses `ttl` after it was granted or last kept alive.
    async fn lease_grant(&self, ttl: Duration) -> Result<LeaseId>;

    /// Gives the lease its full time again.
    async fn lease_keepalive(&self, lease: LeaseId) -> Result<()>;

    /// Ends the lease and deletes its keys.
    async fn lease_revoke(&self, lease: LeaseId) -> Result<()>;
}

//! Reading and writing records of the directory.

mod app;
mod deploy;
mod org;
mod peer;
mod release;
mod secret;
mod user;

use std::sync::Arc;

use roost_directory::{Compare, Directory, Op, Range, Txn, TxnResult};
use roost_records::{Record, Stored};

pub use self::{
    org::new_member,
    user::{IsNew, Standing},
};
use crate::error::Result;

/// Tries of a read, change, conditional write; more says that something writes in a loop.
pub const MAX_TRIES: u32 = 20;

#[derive(Clone)]
pub struct Store {
    pub directory: Arc<dyn Directory>,
}

impl Store {
    pub fn new(directory: Arc<dyn Directory>) -> Self {
        Self { directory }
    }

    pub async fn get<T: Record>(&self, key: &str) -> Result<Option<Stored<T>>> {
        let kv = self.directory.get(key).await?;
        Ok(kv.as_ref().map(Stored::decode).transpose()?)
    }

    /// Every record under a prefix, in the order of their keys.
    pub async fn list<T: Record>(&self, prefix: &str) -> Result<Vec<Stored<T>>> {
        let mut records = Vec::new();
        let mut range = Range::prefix(prefix);
        loop {
            let page = self.directory.range(range.clone()).await?;
            for kv in &page.kvs {
                records.push(Stored::decode(kv)?);
            }
            match page.kvs.last() {
                Some(last) if page.more => range = range.after(last.key.clone()),
                _ => return Ok(records),
            }
        }
    }

    /// The last `count` records under a prefix, the last one first.
    pub async fn newest<T: Record>(&self, prefix: &str, count: usize) -> Result<Vec<T>> {
        let page = self.directory.range(Range::prefix(prefix).descending().limit(count)).await?;
        page.kvs.iter().map(|kv| Ok(T::decode(kv)?)).collect()
    }

    pub async fn txn(&self, txn: Txn) -> Result<TxnResult> {
        Ok(self.directory.txn(txn).await?)
    }
}

/// Writes a record under a key.
pub fn put(key: impl Into<String>, record: &impl Record) -> Op {
    Op::put(key, record.encode())
}

/// A counter's next number, with the compare and the write that take it.
pub async fn next_number(store: &Store, counter: &str) -> Result<(u64, Compare, Op)> {
    let stored = store.get::<u64>(counter).await?;
    let (number, revision) = stored.map_or((1, 0), |s| (s.record + 1, s.revision));
    Ok((number, Compare::unchanged(counter, revision), put(counter, &number)))
}

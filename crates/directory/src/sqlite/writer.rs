//! The one thread that writes. It takes requests in order from a bounded queue, commits each, and
//! then tells the watches.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{
    lease::Leases,
    rows,
    transaction::{self, Commit},
};
use crate::{DirectoryError, LeaseId, Result, Txn, TxnResult};

/// Requests that may wait; further callers wait for a place, so nothing grows without bound.
const QUEUE: usize = 256;

/// How late a lapsed lease may be noticed.
const LAPSE_TICK: Duration = Duration::from_millis(250);

/// Compaction deletes this many revisions at once, not one with each commit.
const COMPACTION_BATCH: u64 = 500;

#[derive(Clone)]
pub struct Writer {
    requests: mpsc::Sender<Request>,
}

type Reply<T> = oneshot::Sender<Result<T>>;

enum Request {
    Txn(Txn, Reply<TxnResult>),
    Grant(Duration, Reply<LeaseId>),
    KeepAlive(LeaseId, Reply<()>),
    Revoke(LeaseId, Reply<()>),
    EndLapsed,
}

impl Writer {
    pub fn start(
        connection: Connection,
        commits: broadcast::Sender<Arc<Commit>>,
        history: u64,
    ) -> Result<Self> {
        let (requests, queue) = mpsc::channel(QUEUE);
        let leases = Leases::load(&connection, Instant::now())?;
        let thread = Thread { connection, commits, leases, history };
        std::thread::Builder::new()
            .name("directory".to_owned())
            .spawn(move || thread.run(queue))
            .map_err(|e| DirectoryError::Unavailable(e.to_string()))?;
        tokio::spawn(tick(requests.downgrade()));
        Ok(Self { requests })
    }

    pub async fn txn(&self, txn: Txn) -> Result<TxnResult> {
        self.ask(|reply| Request::Txn(txn, reply)).await
    }

    pub async fn lease_grant(&self, ttl: Duration) -> Result<LeaseId> {
        self.ask(|reply| Request::Grant(ttl, reply)).await
    }

    pub async fn lease_keepalive(&self, lease: LeaseId) -> Result<()> {
        self.ask(|reply| Request::KeepAlive(lease, reply)).await
    }

    pub async fn lease_revoke(&self, lease: LeaseId) -> Result<()> {
        self.ask(|reply| Request::Revoke(lease, reply)).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T> {
        let closed = || DirectoryError::Unavailable("its writer has ended".to_owned());
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

async fn tick(requests: mpsc::WeakSender<Request>) {
    loop {
        tokio::time::sleep(LAPSE_TICK).await;
        let Some(requests) = requests.upgrade() else { return };
        if requests.send(Request::EndLapsed).await.is_err() {
            return;
        }
    }
}

struct Thread {
    connection: Connection,
    commits: broadcast::Sender<Arc<Commit>>,
    leases: Leases,
    /// Revisions to keep.
    history: u64,
}

impl Thread {
    fn run(mut self, mut queue: mpsc::Receiver<Request>) {
        while let Some(request) = queue.blocking_recv() {
            // A caller that has gone needs no answer.
            match request {
                Request::Txn(txn, reply) => drop(reply.send(self.txn(&txn))),
                Request::Grant(ttl, reply) => {
                    drop(reply.send(self.leases.grant(&self.connection, ttl, Instant::now())));
                }
                Request::KeepAlive(lease, reply) => {
                    drop(reply.send(self.leases.keep_alive(lease, Instant::now())));
                }
                Request::Revoke(lease, reply) => drop(reply.send(self.end_lease(lease))),
                Request::EndLapsed => self.end_lapsed(),
            }
        }
    }

    fn txn(&mut self, txn: &Txn) -> Result<TxnResult> {
        self.commit(|connection| transaction::apply(connection, txn))
    }

    fn end_lease(&mut self, lease: LeaseId) -> Result<()> {
        if !self.leases.contains(lease) {
            return Err(DirectoryError::LeaseNotFound(lease));
        }
        self.commit(|connection| {
            let commit = transaction::delete_leased(connection, lease)?;
            connection.execute("DELETE FROM lease WHERE id = ?1", [lease.0])?;
            Ok(((), commit))
        })?;
        self.leases.forget(lease);
        Ok(())
    }

    fn end_lapsed(&mut self) {
        for lease in self.leases.lapsed(Instant::now()) {
            if let Err(error) = self.end_lease(lease) {
                tracing::error!(%error, %lease, "a lapsed directory lease could not be ended");
            }
        }
    }

    /// Runs `work` in one SQL transaction; after the commit, tells the watches and compacts.
    fn commit<T>(&mut self, work: impl FnOnce(&Connection) -> Result<(T, Commit)>) -> Result<T> {
        let sql = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (result, commit) = work(&sql)?;
        compact(&sql, &commit, self.history)?;
        sql.commit()?;
        if !commit.events.is_empty() {
            // An error only says that nobody watches.
            let _ = self.commits.send(Arc::new(commit));
        }
        Ok(result)
    }
}

/// Deletes what lies further back than the history that is kept.
fn compact(connection: &Connection, commit: &Commit, history: u64) -> Result<()> {
    let target = commit.revision.saturating_sub(history);
    if commit.events.is_empty() || target < rows::compacted(connection)? + COMPACTION_BATCH {
        return Ok(());
    }
    connection.execute("DELETE FROM history WHERE revision <= ?1", [target])?;
    connection.execute("UPDATE store SET compacted = ?1", [target])?;
    Ok(())
}

//! The host's database: one SQLite file, written by one thread.
//!
//! Callers await the commit: what they were told is saved survives the loss of power (WAL with
//! `synchronous=FULL`). Jobs that wait together are committed together, so that a busy host pays for
//! one flush, not for each.
//!
//! The steps between two states are the exception: they are written before they act, which survives
//! the death of this process, but not flushed. A loss of power ends every VMM, so that the machine
//! goes on from its flushed state. Nor are two states of a waking machine, which so waits for no disk: that
//! a request woke it (the request is lost with the power, and the next one wakes it again), and that its
//! processes run (none does after a loss of power; its flushed state says what it was meant to be).

mod machines;
mod schema;
mod versions;
mod volumes;

use std::{path::Path, time::Duration};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

pub use self::machines::NewMachine;

/// Callers beyond this wait for their turn before they enter the queue.
const QUEUE: usize = 256;

/// Jobs in one transaction: bounds how long the first of them waits.
const BATCH: usize = 64;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the host's database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("a record in the host's database can not be read: {0}")]
    Record(#[from] serde_json::Error),
    #[error("the host's database has schema version {found}; this version of Roost knows up to {known}")]
    Newer { found: i64, known: i64 },
    #[error("the host has no free address left: {limit} machines")]
    Full { limit: u32 },
    #[error("the host is shutting down")]
    Closed,
}

/// A cheap handle; the thread ends with the last of them.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::Sender<Box<dyn Job>>,
}

impl Store {
    /// Opens or creates the file and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.busy_timeout(Duration::from_secs(5))?;
        schema::migrate(&mut connection)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("host-db".to_owned())
            .spawn(move || write_loop(connection, queue))
            .expect("the system can start a thread");
        Ok(Self { jobs })
    }

    /// Runs `work` in a transaction; returns once that is committed.
    async fn run<T: Send + 'static>(
        &self,
        survives: Survives,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Pending { survives, work: Some(work), result: None, reply };
        self.jobs.send(Box::new(job)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// What a commit is safe from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// The end of this process.
    Crash,
    /// That, and the loss of power.
    PowerLoss,
}

/// A piece of work that is answered after the transaction that holds it was committed.
trait Job: Send {
    fn survives(&self) -> Survives;
    fn perform(&mut self, connection: &Connection);
    /// Answers with the result, or with what became of the commit.
    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Pending<T, F> {
    survives: Survives,
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Pending<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn survives(&self) -> Survives {
        self.survives
    }

    fn perform(&mut self, connection: &Connection) {
        if let Some(work) = self.work.take() {
            self.result = Some(in_savepoint(connection, work));
        }
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        let result = committed.and_then(|()| result.unwrap_or(Err(StoreError::Closed)));
        // A caller that stopped waiting does not undo what was done for it.
        let _ = reply.send(result);
    }
}

/// A job that fails undoes its own writes only.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.execute_batch("SAVEPOINT job")?;
    let result = work(connection);
    connection.execute_batch(if result.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" })?;
    result
}

fn write_loop(connection: Connection, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        let committed = commit(&connection, &mut batch);
        let failure = committed.err().map(|e| e.to_string());
        for job in batch.drain(..) {
            job.finish(match &failure {
                None => Ok(()),
                Some(text) => Err(StoreError::Sqlite(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
                    Some(text.clone()),
                ))),
            });
        }
    }
}

fn commit(connection: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), rusqlite::Error> {
    let flush = batch.iter().any(|job| job.survives() == Survives::PowerLoss);
    connection.pragma_update(None, "synchronous", if flush { "FULL" } else { "NORMAL" })?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for job in batch.iter_mut() {
        job.perform(connection);
    }
    connection.execute_batch("COMMIT").inspect_err(|_| {
        // Leaves the connection usable for the next batch.
        let _ = connection.execute_batch("ROLLBACK");
    })
}

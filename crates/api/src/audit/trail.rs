//! The file: a ring of entries in SQLite, behind one thread.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, thread};

use jiff::Timestamp;
use roost_api_types::AuditEntry;
use rusqlite::{Connection, Row, params};
use tokio::sync::{mpsc, oneshot};

/// Entries of people that are kept: at some 300 bytes each, a file of 30 MB.
pub const MAX_ENTRIES: u64 = 100_000;

/// Beside them, entries of machines that called without a token: none of them pushes out what people did.
pub const MAX_MACHINE_ENTRIES: u64 = 10_000;

/// Entries written between two looks at the ring's size.
const PRUNE_EVERY: u64 = 1000;

/// Calls that wait for the file; more wait before it.
const QUEUE: usize = 128;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open the audit trail")]
    Sqlite(#[from] rusqlite::Error),
    #[error("cannot protect the audit trail")]
    Io(#[from] std::io::Error),
}

#[derive(Debug, thiserror::Error)]
pub enum TrailError {
    #[error("the audit trail can not be written or read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the audit trail is closed")]
    Closed,
}

/// What is kept of a call.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    pub token_id: Option<String>,
    pub token_name: String,
    pub user: Option<String>,
    pub from: Option<String>,
    pub method: String,
    pub path: String,
    pub org: Option<String>,
    pub app: Option<String>,
    pub machine: Option<String>,
    pub status: Option<u16>,
}

/// Which entries are asked for: the newest, of one org, before one.
#[derive(Debug, Clone, Default)]
pub struct Question {
    pub org: Option<String>,
    pub before: Option<u64>,
    pub limit: u32,
}

type Job = Box<dyn FnOnce(&mut File) + Send>;

#[derive(Clone)]
pub struct Trail {
    jobs: mpsc::Sender<Job>,
}

impl Trail {
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let mut file = File::open(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        thread::Builder::new().name("audit".to_owned()).spawn(move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut file);
            }
        })?;
        Ok(Self { jobs })
    }

    /// Its number.
    pub async fn write(&self, entry: Entry) -> Result<u64, TrailError> {
        self.ask(move |file| file.write(&entry)).await
    }

    pub async fn finish(&self, id: u64, status: u16, entry: Entry) -> Result<(), TrailError> {
        self.ask(move |file| file.finish(id, status, &entry)).await
    }

    pub async fn read(&self, question: Question) -> Result<Vec<AuditEntry>, TrailError> {
        self.ask(move |file| file.read(&question)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut File) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, TrailError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |file| drop(answer.send(job(file))));
        self.jobs.send(job).await.map_err(|_| TrailError::Closed)?;
        Ok(answered.await.map_err(|_| TrailError::Closed)??)
    }
}

struct File {
    connection: Connection,
    written: u64,
}

/// A machine shows no token; the name of another caller without one is a word.
const BY_MACHINE: &str = "token_id IS NULL AND token_name LIKE 'machine %'";

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, token_id TEXT, token_name TEXT NOT NULL, user TEXT,
    peer TEXT, method TEXT NOT NULL, path TEXT NOT NULL, org TEXT, app TEXT, machine TEXT, status INTEGER
);
CREATE INDEX IF NOT EXISTS entries_of_org ON entries (org, id);";

impl File {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // In the log when a call is answered, on the disk soon after: a power cut may take the last ones.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection, written: 0 })
    }

    fn write(&mut self, entry: &Entry) -> rusqlite::Result<u64> {
        let Entry { token_id, token_name, user, from, method, path, org, app, machine, status } = entry;
        let at = Timestamp::now().to_string();
        self.connection
            .prepare_cached(
                "INSERT INTO entries (at, token_id, token_name, user, peer, method, path, org, app, machine, status)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![at, token_id, token_name, user, from, method, path, org, app, machine, status])?;
        let id = self.connection.last_insert_rowid() as u64;
        if self.written.is_multiple_of(PRUNE_EVERY) {
            self.prune("NOT", MAX_ENTRIES)?;
            self.prune("", MAX_MACHINE_ENTRIES)?;
        }
        self.written += 1;
        Ok(id)
    }

    /// Leaves the newest of those by machines, or of all others.
    fn prune(&mut self, not: &str, kept: u64) -> rusqlite::Result<()> {
        let those = format!("{not} ({BY_MACHINE})");
        let last = format!("SELECT id FROM entries WHERE {those} ORDER BY id DESC LIMIT 1 OFFSET ?");
        self.connection.execute(&format!("DELETE FROM entries WHERE {those} AND id <= ({last})"), [kept])?;
        Ok(())
    }

    fn finish(&mut self, id: u64, status: u16, entry: &Entry) -> rusqlite::Result<()> {
        let mut update = self
            .connection
            .prepare_cached("UPDATE entries SET status = ?, path = ?, org = ?, app = ? WHERE id = ?")?;
        update.execute(params![status, entry.path, entry.org, entry.app, id])?;
        Ok(())
    }

    fn read(&mut self, question: &Question) -> rusqlite::Result<Vec<AuditEntry>> {
        let mut select = self.connection.prepare_cached(
            "SELECT id, at, token_id, token_name, user, peer, method, path, org, app, machine, status FROM entries
             WHERE (?1 IS NULL OR org = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3",
        )?;
        let before = question.before.unwrap_or(i64::MAX as u64);
        let rows = select.query_map(params![question.org, before, question.limit], shown)?;
        rows.collect()
    }
}

fn shown(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.get(0)?,
        at: row.get(1)?,
        token_id: row.get(2)?,
        token_name: row.get(3)?,
        user: row.get(4)?,
        from: row.get(5)?,
        method: row.get(6)?,
        path: row.get(7)?,
        org: row.get(8)?,
        app: row.get(9)?,
        machine: row.get(10)?,
        status: row.get(11)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_entries_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = File::open(&folder.path().join("audit.db")).unwrap();
        fill(&file, "a person's token", MAX_ENTRIES);
        let id = file.write(&Entry::default()).unwrap();
        assert_eq!((count(&file), oldest(&file)), (MAX_ENTRIES, id - MAX_ENTRIES + 1));
    }

    #[test]
    fn machines_do_not_push_out_what_people_did() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = File::open(&folder.path().join("audit.db")).unwrap();
        fill(&file, "a person's token", 10);
        fill(&file, "machine 17", MAX_ENTRIES);
        file.write(&Entry::default()).unwrap();
        assert_eq!((count(&file), oldest(&file)), (MAX_MACHINE_ENTRIES + 11, 1));
    }

    fn fill(file: &File, name: &str, entries: u64) {
        file.connection
            .execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                 INSERT INTO entries (at, token_name, method, path) SELECT '', ?, '', '' FROM n",
                params![entries, name],
            )
            .unwrap();
    }

    fn count(file: &File) -> u64 {
        file.connection.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap()
    }

    fn oldest(file: &File) -> u64 {
        file.connection.query_row("SELECT min(id) FROM entries", [], |row| row.get(0)).unwrap()
    }
}

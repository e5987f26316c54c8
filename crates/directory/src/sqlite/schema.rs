//! The file: its tables, and how a connection is set up.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::{DirectoryError, Result};

/// Raised with every change of the tables; each step from one to the next is one script.
const MIGRATIONS: [&str; 1] = [VERSION_1];

/// `history.value` is null for a deletion. Keys are blobs, so that they sort by their bytes. The id of a
/// lease never comes again, so that a late keep-alive cannot meet another's lease.
const VERSION_1: &str = "
    CREATE TABLE store (
        only_row  INTEGER PRIMARY KEY CHECK (only_row = 1),
        revision  INTEGER NOT NULL,
        compacted INTEGER NOT NULL
    );
    INSERT INTO store VALUES (1, 1, 0);
    CREATE TABLE kv (
        key             BLOB NOT NULL UNIQUE,
        value           BLOB NOT NULL,
        create_revision INTEGER NOT NULL,
        mod_revision    INTEGER NOT NULL,
        version         INTEGER NOT NULL,
        lease           INTEGER
    );
    CREATE INDEX kv_lease ON kv (lease) WHERE lease IS NOT NULL;
    CREATE TABLE history (
        revision        INTEGER NOT NULL,
        position        INTEGER NOT NULL,
        key             BLOB NOT NULL,
        value           BLOB,
        create_revision INTEGER NOT NULL,
        version         INTEGER NOT NULL,
        lease           INTEGER,
        UNIQUE (revision, position)
    );
    CREATE TABLE lease (
        id     INTEGER PRIMARY KEY AUTOINCREMENT,
        ttl_ms INTEGER NOT NULL
    );
";

/// How long to wait for a lock that another process (a backup, a person's sqlite3) holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the file for writing, at the newest schema version.
pub fn open(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open(path).map_err(|e| cannot_open(path, &e))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate(&mut connection).map_err(|e| match e {
        DirectoryError::Storage(reason) => DirectoryError::Storage(format!("{}: {reason}", path.display())),
        other => other,
    })?;
    Ok(connection)
}

/// Opens the file for reading only.
pub fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| cannot_open(path, &e))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > MIGRATIONS.len() {
        return Err(DirectoryError::Storage(format!(
            "it was written by a newer Roost (schema {found}, this one knows {}); start the newer one",
            MIGRATIONS.len()
        )));
    }
    for migration in &MIGRATIONS[found..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    Ok(transaction.commit()?)
}

fn cannot_open(path: &Path, error: &rusqlite::Error) -> DirectoryError {
    DirectoryError::Storage(format!("cannot open {}: {error}", path.display()))
}

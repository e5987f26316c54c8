//! The tables, and how an older file becomes a present one.

use rusqlite::Connection;

use super::StoreError;

/// One entry takes the schema from its index to the next version. Never edited, only added to.
const MIGRATIONS: [&str; 3] = [
    "
    CREATE TABLE machines (
        id       TEXT PRIMARY KEY,
        app      TEXT NOT NULL,
        -- Unique among the machines that are not destroyed; NULL once destroyed.
        name     TEXT,
        slot     INTEGER UNIQUE,
        -- The last step that was recorded, before it acted.
        step     TEXT NOT NULL,
        record   TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX machine_names ON machines (app, name) WHERE name IS NOT NULL;
    -- Numbers that only grow.
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
",
    "
    -- Configurations that a machine had; the present one is in its record.
    CREATE TABLE versions (
        machine     TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
        instance_id TEXT NOT NULL,
        config      TEXT NOT NULL,
        PRIMARY KEY (machine, instance_id)
    ) STRICT;
",
    "
    CREATE TABLE volumes (id TEXT PRIMARY KEY, step TEXT NOT NULL, record TEXT NOT NULL) STRICT;
    CREATE TABLE snapshots (id TEXT PRIMARY KEY, step TEXT NOT NULL, record TEXT NOT NULL) STRICT;
",
];

pub fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (version, migration) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

//! One transaction of the directory on the tables.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows;
use crate::{
    Compare, DirectoryError, Event, KeyValue, LeaseId, Op, OpResult, Range, Relation, Result, Revision,
    Target, Txn, TxnResult,
};

/// What a committed transaction changed, for watches.
#[derive(Debug)]
pub struct Commit {
    pub revision: Revision,
    pub events: Vec<Event>,
}

/// Carries out `txn`. With nothing changed, the revision stays and the commit has no events.
pub fn apply(connection: &Connection, txn: &Txn) -> Result<(TxnResult, Commit)> {
    let succeeded = txn.compares.iter().map(|c| holds(connection, c)).collect::<Result<Vec<_>>>()?;
    let succeeded = succeeded.into_iter().all(|held| held);
    let mut changes = Changes::begin(connection)?;
    let branch = if succeeded { &txn.success } else { &txn.failure };
    let results = branch.iter().map(|op| changes.apply(op)).collect::<Result<Vec<_>>>()?;
    let commit = changes.finish()?;
    Ok((TxnResult { succeeded, revision: commit.revision, results }, commit))
}

/// Deletes the keys of a lease, as one transaction.
pub fn delete_leased(connection: &Connection, lease: LeaseId) -> Result<Commit> {
    let mut changes = Changes::begin(connection)?;
    let mut statement = connection.prepare_cached("SELECT key FROM kv WHERE lease = ?1 ORDER BY key")?;
    let keys =
        statement.query_map([lease.0], |row| row.get(0))?.collect::<rusqlite::Result<Vec<Vec<u8>>>>()?;
    for key in keys {
        changes.delete(&String::from_utf8_lossy(&key))?;
    }
    changes.finish()
}

fn holds(connection: &Connection, compare: &Compare) -> Result<bool> {
    let found = rows::get(connection, &compare.key)?;
    let number = |of: fn(&KeyValue) -> u64| found.as_ref().map_or(0, of);
    let ordering = match &compare.target {
        Target::Value(value) => match &found {
            Some(kv) => kv.value.cmp(value),
            None => return Ok(false),
        },
        Target::Version(n) => number(|kv| kv.version).cmp(n),
        Target::CreateRevision(n) => number(|kv| kv.create_revision).cmp(n),
        Target::ModRevision(n) => number(|kv| kv.mod_revision).cmp(n),
        Target::Lease(n) => found.as_ref().and_then(|kv| kv.lease).map_or(0, |lease| lease.0).cmp(n),
    };
    Ok(match compare.relation {
        Relation::Equal => ordering.is_eq(),
        Relation::NotEqual => ordering.is_ne(),
        Relation::Less => ordering.is_lt(),
        Relation::Greater => ordering.is_gt(),
    })
}

/// The writes of one transaction, all at the revision after the store's.
struct Changes<'c> {
    connection: &'c Connection,
    before: Revision,
    events: Vec<Event>,
}

impl<'c> Changes<'c> {
    fn begin(connection: &'c Connection) -> Result<Self> {
        Ok(Self { connection, before: rows::revision(connection)?, events: Vec::new() })
    }

    fn apply(&mut self, op: &Op) -> Result<OpResult> {
        Ok(match op {
            Op::Put { key, value, lease } => {
                self.put(key, value, *lease)?;
                OpResult::Put
            }
            Op::Delete { key } => OpResult::Deleted(u64::from(self.delete(key)?)),
            Op::DeletePrefix { prefix } => OpResult::Deleted(self.delete_prefix(prefix)?),
            Op::Get { key } => OpResult::Got(rows::get(self.connection, key)?),
            Op::Range(range) => OpResult::Range(rows::range(self.connection, range)?),
        })
    }

    fn put(&mut self, key: &str, value: &Bytes, lease: Option<LeaseId>) -> Result<()> {
        if let Some(lease) = lease {
            check_lease(self.connection, lease)?;
        }
        let revision = self.before + 1;
        let previous = rows::get(self.connection, key)?;
        let kv = KeyValue {
            key: key.to_owned(),
            value: value.clone(),
            create_revision: previous.as_ref().map_or(revision, |kv| kv.create_revision),
            mod_revision: revision,
            version: previous.map_or(0, |kv| kv.version) + 1,
            lease,
        };
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO kv VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                key.as_bytes(),
                &value[..],
                kv.create_revision,
                kv.mod_revision,
                kv.version,
                lease.map(|lease| lease.0)
            ])?;
        self.events.push(Event::Put(kv));
        Ok(())
    }

    fn delete(&mut self, key: &str) -> Result<bool> {
        let mut statement = self.connection.prepare_cached("DELETE FROM kv WHERE key = ?1")?;
        let deleted = statement.execute([key.as_bytes()])? > 0;
        if deleted {
            self.events.push(Event::Delete { key: key.to_owned() });
        }
        Ok(deleted)
    }

    fn delete_prefix(&mut self, prefix: &str) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let found = rows::range(self.connection, &Range::prefix(prefix))?;
            for kv in &found.kvs {
                deleted += u64::from(self.delete(&kv.key)?);
            }
            if !found.more {
                return Ok(deleted);
            }
        }
    }

    fn finish(self) -> Result<Commit> {
        if self.events.is_empty() {
            return Ok(Commit { revision: self.before, events: Vec::new() });
        }
        let revision = self.before + 1;
        self.connection.prepare_cached("UPDATE store SET revision = ?1")?.execute([revision])?;
        let mut insert =
            self.connection.prepare_cached("INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        for (position, event) in self.events.iter().enumerate() {
            let key = event.key().as_bytes();
            match event {
                Event::Put(kv) => insert.execute(params![
                    revision,
                    position,
                    key,
                    &kv.value[..],
                    kv.create_revision,
                    kv.version,
                    kv.lease.map(|lease| lease.0)
                ])?,
                Event::Delete { .. } => {
                    insert.execute(params![revision, position, key, None::<Vec<u8>>, 0, 0, None::<i64>])?
                }
            };
        }
        Ok(Commit { revision, events: self.events })
    }
}

fn check_lease(connection: &Connection, lease: LeaseId) -> Result<()> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM lease WHERE id = ?1")?;
    let found: Option<i64> = statement.query_row([lease.0], |row| row.get(0)).optional()?;
    found.map(|_| ()).ok_or(DirectoryError::LeaseNotFound(lease))
}

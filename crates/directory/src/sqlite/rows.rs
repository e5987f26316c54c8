//! Reading keys and values out of the tables.

use rusqlite::{Connection, OptionalExtension, Row, params, types::Type};

use crate::{Event, KeyValue, LeaseId, Order, Range, RangeResult, Revision, WatchBatch};

type Sql<T> = rusqlite::Result<T>;

const COLUMNS: &str = "key, value, create_revision, mod_revision, version, lease";

pub fn get(connection: &Connection, key: &str) -> Sql<Option<KeyValue>> {
    let sql = format!("SELECT {COLUMNS} FROM kv WHERE key = ?1");
    connection.prepare_cached(&sql)?.query_row([key.as_bytes()], key_value).optional()
}

pub fn range(connection: &Connection, range: &Range) -> Sql<RangeResult> {
    // One read transaction, so that the revision is the one of the rows.
    let snapshot = connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()?;
    let result = range_within(connection, range);
    drop(snapshot);
    result
}

fn range_within(connection: &Connection, range: &Range) -> Sql<RangeResult> {
    let (past, order) = match range.order {
        Order::Ascending => (">", "ASC"),
        Order::Descending => ("<", "DESC"),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM kv WHERE key >= ?1 AND (?2 IS NULL OR key < ?2)
         AND (?3 IS NULL OR key {past} ?3) ORDER BY key {order} LIMIT ?4"
    );
    let (bound, after) = (range.bound(), range.after.as_deref().map(str::as_bytes));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![range.prefix.as_bytes(), prefix_end(&range.prefix), after, bound + 1],
        key_value,
    )?;
    let mut kvs = rows.collect::<Sql<Vec<_>>>()?;
    let more = kvs.len() > bound;
    kvs.truncate(bound);
    Ok(RangeResult { revision: revision(connection)?, kvs, more })
}

/// The store's revision.
pub fn revision(connection: &Connection) -> Sql<Revision> {
    connection.prepare_cached("SELECT revision FROM store")?.query_row([], |row| row.get(0))
}

/// The newest revision whose changes are not kept any more.
pub fn compacted(connection: &Connection) -> Sql<Revision> {
    connection.prepare_cached("SELECT compacted FROM store")?.query_row([], |row| row.get(0))
}

/// Changes under a prefix in the revisions `from..=to`.
pub fn history(connection: &Connection, prefix: &str, from: Revision, to: Revision) -> Sql<Vec<WatchBatch>> {
    let mut statement = connection.prepare_cached(
        "SELECT revision, key, value, create_revision, version, lease FROM history
         WHERE revision BETWEEN ?1 AND ?2 AND key >= ?3 AND (?4 IS NULL OR key < ?4)
         ORDER BY revision, position",
    )?;
    let rows = statement.query_map(params![from, to, prefix.as_bytes(), prefix_end(prefix)], |row| {
        Ok((row.get::<_, Revision>(0)?, event(row)?))
    })?;
    let mut batches: Vec<WatchBatch> = Vec::new();
    for row in rows {
        let (revision, event) = row?;
        match batches.last_mut() {
            Some(batch) if batch.revision == revision => batch.events.push(event),
            _ => batches.push(WatchBatch { revision, events: vec![event] }),
        }
    }
    Ok(batches)
}

fn event(row: &Row<'_>) -> Sql<Event> {
    let key = text(row, 1)?;
    let Some(value) = row.get::<_, Option<Vec<u8>>>(2)? else { return Ok(Event::Delete { key }) };
    Ok(Event::Put(KeyValue {
        key,
        value: value.into(),
        create_revision: row.get(3)?,
        mod_revision: row.get(0)?,
        version: row.get(4)?,
        lease: row.get::<_, Option<i64>>(5)?.map(LeaseId),
    }))
}

fn key_value(row: &Row<'_>) -> Sql<KeyValue> {
    Ok(KeyValue {
        key: text(row, 0)?,
        value: row.get::<_, Vec<u8>>(1)?.into(),
        create_revision: row.get(2)?,
        mod_revision: row.get(3)?,
        version: row.get(4)?,
        lease: row.get::<_, Option<i64>>(5)?.map(LeaseId),
    })
}

fn text(row: &Row<'_>, column: usize) -> Sql<String> {
    String::from_utf8(row.get(column)?)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(e)))
}

/// The first key past all keys of the prefix; none for the empty prefix.
fn prefix_end(prefix: &str) -> Option<Vec<u8>> {
    let mut end = prefix.as_bytes().to_vec();
    // A byte of UTF-8 is never 255, so there is always a next one.
    *end.last_mut()? += 1;
    Some(end)
}

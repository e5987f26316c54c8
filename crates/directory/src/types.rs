//! Keys, ranges, transactions, changes.

use std::fmt;

use bytes::Bytes;

use crate::{DirectoryError, MAX_KEY_BYTES, MAX_RANGE_KEYS, MAX_TXN_OPS, MAX_VALUE_BYTES, Result};

/// Counts the transactions that changed something.
pub type Revision = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(pub i64);

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyValue {
    pub key: String,
    pub value: Bytes,
    pub create_revision: Revision,
    pub mod_revision: Revision,
    /// Puts since the key was created; 1 for a new key.
    pub version: u64,
    pub lease: Option<LeaseId>,
}

/// A question for keys by prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    pub prefix: String,
    /// Only keys past this one, in the order asked for.
    pub after: Option<String>,
    /// At most so many; [`MAX_RANGE_KEYS`] when absent.
    pub limit: Option<usize>,
    pub order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    Ascending,
    Descending,
}

impl Range {
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..Self::default() }
    }

    pub fn limit(self, limit: usize) -> Self {
        Self { limit: Some(limit), ..self }
    }

    pub fn after(self, key: impl Into<String>) -> Self {
        Self { after: Some(key.into()), ..self }
    }

    pub fn descending(self) -> Self {
        Self { order: Order::Descending, ..self }
    }

    /// How many keys may be answered.
    pub fn bound(&self) -> usize {
        self.limit.unwrap_or(MAX_RANGE_KEYS).min(MAX_RANGE_KEYS)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeResult {
    /// Of the store, when it was read: watch from the next one to miss nothing.
    pub revision: Revision,
    pub kvs: Vec<KeyValue>,
    /// There are more keys than were answered.
    pub more: bool,
}

/// Compares, and what to do when they all hold or do not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Txn {
    pub compares: Vec<Compare>,
    pub success: Vec<Op>,
    pub failure: Vec<Op>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compare {
    pub key: String,
    pub relation: Relation,
    pub target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equal,
    NotEqual,
    Less,
    Greater,
}

/// What of a key is compared. An absent key has version, revisions and lease 0; no compare of its
/// value holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Value(Bytes),
    Version(u64),
    CreateRevision(Revision),
    ModRevision(Revision),
    Lease(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Put { key: String, value: Bytes, lease: Option<LeaseId> },
    Delete { key: String },
    DeletePrefix { prefix: String },
    Get { key: String },
    Range(Range),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxnResult {
    /// Whether the compares held.
    pub succeeded: bool,
    /// Of the store after the transaction.
    pub revision: Revision,
    /// One for each operation of the branch that was taken.
    pub results: Vec<OpResult>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpResult {
    Put,
    Deleted(u64),
    Got(Option<KeyValue>),
    Range(RangeResult),
}

/// The changes of one revision under the watched prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchBatch {
    pub revision: Revision,
    pub events: Vec<Event>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Put(KeyValue),
    Delete { key: String },
}

impl Event {
    pub fn key(&self) -> &str {
        match self {
            Self::Put(kv) => &kv.key,
            Self::Delete { key } => key,
        }
    }
}

impl Compare {
    pub fn absent(key: impl Into<String>) -> Self {
        Self::new(key, Relation::Equal, Target::CreateRevision(0))
    }

    pub fn present(key: impl Into<String>) -> Self {
        Self::new(key, Relation::NotEqual, Target::CreateRevision(0))
    }

    /// Nobody changed the key since it was read at `revision`.
    pub fn unchanged(key: impl Into<String>, revision: Revision) -> Self {
        Self::new(key, Relation::Equal, Target::ModRevision(revision))
    }

    pub fn value(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self::new(key, Relation::Equal, Target::Value(value.into()))
    }

    pub fn new(key: impl Into<String>, relation: Relation, target: Target) -> Self {
        Self { key: key.into(), relation, target }
    }
}

impl Op {
    pub fn put(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: None }
    }

    pub fn put_leased(key: impl Into<String>, value: impl Into<Bytes>, lease: LeaseId) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: Some(lease) }
    }

    pub fn delete(key: impl Into<String>) -> Self {
        Self::Delete { key: key.into() }
    }

    pub fn delete_prefix(prefix: impl Into<String>) -> Self {
        Self::DeletePrefix { prefix: prefix.into() }
    }

    pub fn get(key: impl Into<String>) -> Self {
        Self::Get { key: key.into() }
    }
}

impl Txn {
    /// Operations without a condition.
    pub fn always(success: impl IntoIterator<Item = Op>) -> Self {
        Self { success: success.into_iter().collect(), ..Self::default() }
    }

    /// Adds a condition.
    pub fn when(mut self, compare: Compare) -> Self {
        self.compares.push(compare);
        self
    }

    /// Adds what happens when a condition does not hold.
    pub fn otherwise(mut self, op: Op) -> Self {
        self.failure.push(op);
        self
    }

    /// The bounds, and that no branch writes a key twice (the order would not show in a watch).
    pub fn validate(&self) -> Result<()> {
        let counts = [self.compares.len(), self.success.len(), self.failure.len()];
        if counts.into_iter().any(|n| n > MAX_TXN_OPS) {
            return Err(invalid(format!("a transaction has at most {MAX_TXN_OPS} operations")));
        }
        self.compares.iter().try_for_each(|compare| check_key(&compare.key))?;
        check_branch(&self.success)?;
        check_branch(&self.failure)
    }
}

fn check_branch(ops: &[Op]) -> Result<()> {
    let mut written: Vec<(&str, bool)> = Vec::new();
    for op in ops {
        let (name, is_prefix) = match op {
            Op::Put { key, value, .. } => {
                check_key(key)?;
                if value.len() > MAX_VALUE_BYTES {
                    return Err(invalid(format!("the value of {key} is over {MAX_VALUE_BYTES} bytes")));
                }
                (key, false)
            }
            Op::Delete { key } => {
                check_key(key)?;
                (key, false)
            }
            Op::DeletePrefix { prefix } => {
                check_key(prefix)?;
                (prefix, true)
            }
            Op::Get { .. } | Op::Range(_) => continue,
        };
        if written.iter().any(|&other| overlap(other, (name, is_prefix))) {
            return Err(invalid(format!("{name} is written twice in one transaction")));
        }
        written.push((name, is_prefix));
    }
    Ok(())
}

fn overlap((a, a_is_prefix): (&str, bool), (b, b_is_prefix): (&str, bool)) -> bool {
    a == b || (a_is_prefix && b.starts_with(a)) || (b_is_prefix && a.starts_with(b))
}

fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(invalid(format!("a key has 1 to {MAX_KEY_BYTES} bytes")));
    }
    Ok(())
}

fn invalid(reason: String) -> DirectoryError {
    DirectoryError::InvalidRequest(reason)
}

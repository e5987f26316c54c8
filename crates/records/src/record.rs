//! From a key's value to its record and back.

use roost_directory::{KeyValue, Revision};
use serde::{Serialize, de::DeserializeOwned};

/// A value that is not the JSON of its record: something else wrote it, or a newer version did.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the directory's value of {key} can not be read: {reason}")]
pub struct Corrupt {
    pub key: String,
    pub reason: String,
}

/// A kind of record. Unknown keys of the JSON are ignored, so that a newer api may add some.
pub trait Record: Serialize + DeserializeOwned {
    fn decode(kv: &KeyValue) -> Result<Self, Corrupt> {
        serde_json::from_slice(&kv.value).map_err(|e| Corrupt { key: kv.key.clone(), reason: e.to_string() })
    }

    fn encode(&self) -> Vec<u8> {
        // Only maps with keys that are not texts can fail, and no record has one.
        serde_json::to_vec(self).expect("a record is plain JSON")
    }
}

/// A record with its key, and the revision it was read at, for a write that must not undo another's.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    pub key: String,
    pub record: T,
    pub revision: Revision,
}

impl<T: Record> Stored<T> {
    pub fn decode(kv: &KeyValue) -> Result<Self, Corrupt> {
        Ok(Self { key: kv.key.clone(), record: T::decode(kv)?, revision: kv.mod_revision })
    }
}

impl Record for u64 {}

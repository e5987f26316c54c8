//! Keys that the platform uses for an app, and never shows.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Record;

/// All keys of an app.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SecretKeysRecord {
    /// Counts the changes; 0: there never was a key.
    pub version: u64,
    pub keys: BTreeMap<String, StoredKey>,
}

impl Record for SecretKeysRecord {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// `hs256`, `nacl_secretbox`, ...
    pub kind: String,
    /// The key, sealed at rest and bound to app and name.
    pub sealed: String,
    /// base64; of kinds that have a public half.
    #[serde(default)]
    pub public_key: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

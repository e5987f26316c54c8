//! App secrets, as ciphertext.

use std::collections::BTreeMap;

use jiff::Timestamp;
use roost_model::AppName;
use serde::{Deserialize, Serialize};

use crate::Record;

/// All secrets of an app as of one version. Immutable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretsRecord {
    pub app: AppName,
    /// Counts from 1 within the app; 0 stands for no secrets.
    pub version: u64,
    pub secrets: BTreeMap<String, StoredSecret>,
    pub created_at: Timestamp,
}

impl Record for SecretsRecord {}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecret {
    /// base64 of the value, sealed at rest and bound to app and name.
    pub sealed: String,
    /// Tells two values apart without telling either: a keyed hash, 16 hex digits.
    pub digest: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

//! Keys of the platform's own, whose public half others are told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Record;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPairRecord {
    /// As its users write it: an OpenSSH line, or base64 for WireGuard.
    pub public_key: String,
    /// base64 of the private half's 32 bytes, sealed at rest and bound to this record's key.
    pub sealed_private_key: String,
    pub created_at: Timestamp,
}

impl Record for KeyPairRecord {}

//! Keys that sign machines' identities.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Record;

/// An ECDSA key on P-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityKeyRecord {
    /// Names it in tokens and in the published set.
    pub kid: String,
    /// base64 of its PKCS#8 form, sealed at rest and bound to `kid`.
    pub sealed: String,
    pub created_at: Timestamp,
}

impl Record for IdentityKeyRecord {}

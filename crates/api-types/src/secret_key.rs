//! Keys that sign and encrypt for an app, and are never shown.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Binary;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyList {
    pub secret_keys: Vec<SecretKey>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretKey {
    pub name: String,
    /// `hs256`, `nacl_secretbox`, ...
    pub r#type: String,
    /// Of kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<Binary>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetSecretKey {
    pub r#type: String,
    /// The key itself; empty when one is to be generated.
    #[serde(default)]
    pub value: Binary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeySet {
    #[serde(flatten)]
    pub key: SecretKey,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyDeleted {
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Encrypt {
    pub plaintext: Binary,
    /// Not encrypted, but needed again to decrypt.
    pub associated_data: Binary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Encrypted {
    pub ciphertext: Binary,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Decrypt {
    pub ciphertext: Binary,
    pub associated_data: Binary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decrypted {
    pub plaintext: Binary,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sign {
    pub plaintext: Binary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signed {
    pub signature: Binary,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Verify {
    pub plaintext: Binary,
    pub signature: Binary,
}

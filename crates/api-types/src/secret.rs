//! App secrets: written, listed by name, never read back.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Deploy;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Secret {
    pub name: String,
    /// The same for the same value of the same app; tells nothing else about it.
    pub digest: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SecretList {
    pub secrets: Vec<Secret>,
    /// Of the newest values; 0: there never were any.
    #[serde(default)]
    pub version: u64,
    /// Of the values that machines of the current release have.
    #[serde(default)]
    pub deployed_version: u64,
}

/// Names to set (a text) or to remove (`null`).
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct UpdateSecrets {
    pub values: BTreeMap<String, Option<String>>,
    /// Give them to the app's machines at once, by a release; else they wait for the next one.
    #[serde(default)]
    pub deploy: bool,
}

impl fmt::Debug for UpdateSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.values.keys().collect();
        f.debug_struct("UpdateSecrets").field("names", &names).field("deploy", &self.deploy).finish()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecretsUpdated {
    pub secrets: Vec<Secret>,
    pub version: u64,
    /// What was begun to give them to machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Deploy>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetSecret {
    pub value: String,
}

impl fmt::Debug for SetSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetSecret(***)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretSet {
    #[serde(flatten)]
    pub secret: Secret,
    pub version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretDeleted {
    pub version: u64,
}

//! `[experimental]`: overrides of what the image runs, and switches of the original platform.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::forms::{self, is_default};

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Experimental {
    #[serde(deserialize_with = "forms::words", skip_serializing_if = "is_default")]
    pub cmd: Vec<String>,
    #[serde(deserialize_with = "forms::words", skip_serializing_if = "is_default")]
    pub entrypoint: Vec<String>,
    #[serde(deserialize_with = "forms::words", skip_serializing_if = "is_default")]
    pub exec: Vec<String>,
    pub machine_config: Option<String>,
    pub container: Option<String>,
    /// False: a failed release stays as it is. True when absent.
    pub auto_rollback: Option<bool>,
    pub enable_consul: Option<bool>,
    pub enable_etcd: Option<bool>,
    pub lazy_load_images: Option<bool>,
    pub attached: Option<Attached>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Attached {
    pub secrets: Option<AttachedSecrets>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AttachedSecrets {
    #[serde(skip_serializing_if = "is_default")]
    pub export: BTreeMap<String, String>,
}

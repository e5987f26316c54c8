//! `[[restart]]`, `[[metrics]]`, `[[statics]]` and `[[files]]`.

use roost_model::machine::RestartPolicy;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::forms::is_default;

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartSection {
    pub policy: Option<RestartPolicy>,
    #[serde(alias = "max_retries")]
    pub retries: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub processes: Vec<String>,
}

/// Where the app answers a Prometheus scrape.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsSection {
    pub port: Option<u16>,
    pub path: Option<String>,
    pub https: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub processes: Vec<String>,
}

/// A folder of the guest that is served under a prefix of the URL.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StaticSection {
    pub guest_path: String,
    pub url_prefix: String,
    pub tigris_bucket: Option<String>,
    pub index_document: Option<String>,
}

/// A file of the guest, from exactly one source.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileSection {
    pub guest_path: String,
    /// Contents in base64.
    pub raw_value: Option<String>,
    /// A file beside the configuration; read when it is deployed.
    pub local_path: Option<String>,
    /// Name of a secret whose value is base64.
    pub secret_name: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub processes: Vec<String>,
}

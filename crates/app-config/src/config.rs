//! The top level of a `fly.toml`.

use std::collections::BTreeMap;

use roost_model::{AppName, Region};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::{
    forms::{self, Seconds, is_default},
    section::{
        Build, Check, Deploy, Experimental, FileSection, HttpService, MachineCheck, MetricsSection, Mount,
        RestartSection, ServiceSection, StaticSection, Vm,
    },
};

/// An app's configuration, as people write it. Nothing is filled in: what is absent stays absent,
/// and whoever acts on a key knows its default.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AppConfig {
    pub app: Option<AppName>,
    /// Where new machines go; also told to the app as `PRIMARY_REGION`.
    pub primary_region: Option<Region>,
    /// Signal of an orderly stop; `SIGINT` when absent.
    pub kill_signal: Option<String>,
    /// Time from the signal to SIGKILL; 5 s when absent, at most 300 s.
    pub kill_timeout: Option<Seconds>,
    /// MiB of swap on the scratch disk.
    pub swap_size_mb: Option<u32>,
    pub console_command: Option<String>,
    pub host_dedication_id: Option<String>,
    /// Base configuration of several containers: a path or JSON.
    pub machine_config: Option<String>,
    /// The container that gets the built image.
    pub container: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub build: Build,
    #[serde(skip_serializing_if = "is_default")]
    pub deploy: Deploy,
    #[serde(deserialize_with = "forms::text_map", skip_serializing_if = "is_default")]
    pub env: BTreeMap<String, String>,
    /// Process group to command; once present it is the full list of groups.
    #[serde(skip_serializing_if = "is_default")]
    pub processes: BTreeMap<String, String>,
    pub http_service: Option<HttpService>,
    #[serde(skip_serializing_if = "is_default")]
    pub services: Vec<ServiceSection>,
    /// Checks of the machine itself, by name; they do not steer requests.
    #[serde(skip_serializing_if = "is_default")]
    pub checks: BTreeMap<String, Check>,
    #[serde(skip_serializing_if = "is_default")]
    pub machine_checks: Vec<MachineCheck>,
    #[serde(deserialize_with = "forms::one_or_many", skip_serializing_if = "is_default")]
    pub mounts: Vec<Mount>,
    #[serde(deserialize_with = "forms::one_or_many", skip_serializing_if = "is_default")]
    pub vm: Vec<Vm>,
    #[serde(deserialize_with = "forms::one_or_many", skip_serializing_if = "is_default")]
    pub restart: Vec<RestartSection>,
    #[serde(deserialize_with = "forms::one_or_many", skip_serializing_if = "is_default")]
    pub metrics: Vec<MetricsSection>,
    #[serde(deserialize_with = "forms::one_or_many", skip_serializing_if = "is_default")]
    pub statics: Vec<StaticSection>,
    #[serde(deserialize_with = "forms::one_or_many", skip_serializing_if = "is_default")]
    pub files: Vec<FileSection>,
    #[serde(skip_serializing_if = "is_default")]
    pub experimental: Experimental,
}

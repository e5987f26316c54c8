//! The server, its hosts, images.

use std::collections::BTreeMap;

use roost_host_api::Capacity;
use roost_model::{HostId, ImageRef, Region};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerStatus {
    pub version: String,
    pub base_domain: String,
    /// Where apps answer, with `{app}` for the app's name.
    pub app_url: String,
    /// Registry of app images, as in image references: `<registry>/<app>:<tag>`.
    pub registry: String,
    pub hosts: Vec<HostStatus>,
    /// Things that a person should know, such as a host that only emulates.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostStatus {
    pub id: HostId,
    pub region: Region,
    pub reachable: bool,
    pub driver: String,
    pub driver_reason: String,
    pub total: Capacity,
    pub free: Capacity,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolveImage {
    pub image: String,
}

/// What a reference means now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolvedImage {
    /// Pinned to a digest.
    pub image: ImageRef,
    pub labels: BTreeMap<String, String>,
    /// Ports that the image says it listens on, such as `8080/tcp`.
    pub exposed_ports: Vec<String>,
    /// Bytes of its compressed layers.
    pub size_bytes: u64,
}

//! What an image says about itself: the part of its configuration that machines use.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ImageError;

/// The `config` object of an image, with its platform.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    /// `user[:group]` by name or number; empty for root.
    pub user: String,
    /// `NAME=value`, in the image's order.
    pub env: Vec<String>,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    /// Empty for `/`.
    pub working_dir: String,
    /// `8080/tcp`, `53/udp`, sorted.
    pub exposed_ports: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub stop_signal: Option<String>,
    pub architecture: String,
    /// Paths that the image declares as volumes, sorted.
    pub volumes: Vec<String>,
}

impl ImageConfig {
    /// TCP ports that the image exposes, in ascending order.
    pub fn exposed_tcp_ports(&self) -> Vec<u16> {
        let port = |text: &String| match text.split_once('/') {
            None | Some((_, "tcp")) => text.split('/').next()?.parse().ok(),
            Some(_) => None,
        };
        let mut ports: Vec<u16> = self.exposed_ports.iter().filter_map(port).collect();
        ports.sort_unstable();
        ports
    }
}

/// An image configuration blob, as registries keep it.
#[derive(Debug, Clone, Deserialize)]
pub struct ConfigBlob {
    #[serde(default)]
    pub architecture: String,
    #[serde(default)]
    pub os: String,
    #[serde(default, deserialize_with = "null_is_default")]
    config: RunSettings,
    pub rootfs: RootFs,
}

/// Digests of the layers after decompression, lowest first.
#[derive(Debug, Clone, Deserialize)]
pub struct RootFs {
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<crate::Digest>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RunSettings {
    #[serde(deserialize_with = "null_is_default")]
    user: String,
    #[serde(deserialize_with = "null_is_default")]
    env: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    working_dir: String,
    #[serde(deserialize_with = "null_is_default")]
    exposed_ports: BTreeMap<String, serde_json::Value>,
    #[serde(deserialize_with = "null_is_default")]
    labels: BTreeMap<String, String>,
    stop_signal: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    volumes: BTreeMap<String, serde_json::Value>,
}

/// Go writes empty maps, lists and objects as `null`.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

impl ConfigBlob {
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        serde_json::from_slice(bytes).map_err(|error| ImageError::Invalid(format!("configuration: {error}")))
    }

    pub fn image_config(&self) -> ImageConfig {
        let run = self.config.clone();
        ImageConfig {
            user: run.user,
            env: run.env,
            entrypoint: run.entrypoint,
            cmd: run.cmd,
            working_dir: run.working_dir,
            exposed_ports: run.exposed_ports.into_keys().collect(),
            labels: run.labels,
            stop_signal: run.stop_signal.filter(|signal| !signal.is_empty()),
            architecture: self.architecture.clone(),
            volumes: run.volumes.into_keys().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docker_configuration_is_read_with_its_nulls() {
        let blob: ConfigBlob = serde_json::from_str(
            r#"{"architecture":"amd64","os":"linux","created":"x","history":[],
                "config":{"Env":["A=1"],"Cmd":null,"Entrypoint":["/app"],"Labels":null,"Volumes":{"/data":{}},
                          "ExposedPorts":{"8080/tcp":{},"53/udp":{},"80":{}},"StopSignal":""},
                "rootfs":{"type":"layers","diff_ids":null}}"#,
        )
        .unwrap();
        let config = blob.image_config();
        assert_eq!(config.entrypoint, ["/app"]);
        assert_eq!(config.cmd, Vec::<String>::new());
        assert_eq!(config.volumes, ["/data"]);
        assert_eq!(config.exposed_tcp_ports(), [80, 8080]);
        assert_eq!(config.stop_signal, None);
    }
}

//! The configuration of a machine, as the Machines API writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{GoDuration, Guest, Service, service::NamedChecks, statics::Static};

mod dns;
mod rootfs;
mod schedule;

pub use self::{
    dns::{Dns, DnsOption},
    rootfs::{Persist, Rootfs},
    schedule::Schedule,
};

type Extra = serde_json::Map<String, serde_json::Value>;

/// What a machine is made from. Unknown keys are kept in `extra` and come back unchanged.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct MachineConfig {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub image: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(default)]
    pub init: Init,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest: Option<Guest>,
    /// Preset name, exclusive with `guest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: NamedChecks,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// Folders whose files are served without the app.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statics: Vec<Static>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<Process>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_config: Option<StopConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_destroy: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rootfs: Option<Rootfs>,
    /// Where the app answers a Prometheus scrape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// Machines that this one stands in for when they fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standbys: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// Overrides of what the image says to run. `exec` beats all; `entrypoint` drops the image's command.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Init {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tty: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap_size_mb: Option<u32>,
    /// Further words for the guest's kernel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kernel_args: Vec<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// A volume in the guest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Mount {
    /// Id of the volume; empty: any volume of the app with this `name` that no machine has.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub volume: String,
    /// Absolute, in the guest.
    #[serde(default)]
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size of the volume that is made when there is none of this name to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gb: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    /// Percent of use at which the volume is made larger by `add_size_gb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend_threshold_percent: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_size_gb: Option<u32>,
    /// Never larger than this by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gb_limit: Option<u32>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// A file written into the guest before its processes start: one source of the three.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    pub guest_path: String,
    /// Contents in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_value: Option<String>,
    /// Name of a secret whose value is base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// Permission bits; 0o644 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// One of several processes in a machine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Process {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Variables whose values are the machine's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_from: Vec<EnvFrom>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// App secrets that this process gets, when `ignore_app_secrets` keeps the others away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<ProcessSecret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_app_secrets: Option<bool>,
    #[serde(flatten)]
    pub extra: Extra,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessSecret {
    pub env_var: String,
    /// Name of the app secret; `env_var` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvFrom {
    pub env_var: String,
    pub field_ref: FieldRef,
}

/// A field of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldRef {
    Id,
    Version,
    AppName,
    PrivateIp,
    Region,
    Image,
}

/// Where the app answers a Prometheus scrape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    pub port: u16,
    /// `/metrics` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Over TLS, without a look at the certificate: the connection does not leave the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Restart {
    #[serde(default)]
    pub policy: RestartPolicy,
    /// Tries within the policy's window; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    #[serde(flatten)]
    pub extra: Extra,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    #[serde(alias = "never")]
    No,
    Always,
    #[default]
    #[serde(alias = "on-fail")]
    OnFailure,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct StopConfig {
    /// `SIGINT` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Time from the signal to SIGKILL; 5 s when absent, at most 300 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
}

/// Metadata keys that the platform itself reads or writes.
pub mod metadata {
    pub const PROCESS_GROUP: &str = "fly_process_group";
    pub const RELEASE_ID: &str = "fly_release_id";
    pub const RELEASE_VERSION: &str = "fly_release_version";
    pub const PLATFORM_VERSION: &str = "fly_platform_version";
    /// Until when the machine is not put to sleep, as it says itself: [`busy_until`](super::busy_until).
    pub const BUSY_UNTIL: &str = "roost_busy_until";
}

/// The longest time ahead that a machine may say that it is busy: what forgets to take it back costs so much.
pub const LONGEST_BUSY: std::time::Duration = std::time::Duration::from_secs(3600);

/// Reads a value of [`metadata::BUSY_UNTIL`]: seconds since 1970, or a time such as `2026-01-31T12:00:00Z`.
pub fn busy_until(value: &str) -> Option<jiff::Timestamp> {
    match value.parse::<i64>() {
        Ok(secs) => jiff::Timestamp::from_second(secs).ok(),
        Err(_) => value.parse().ok(),
    }
}

impl MachineConfig {
    /// The size asked for: `guest`, else the preset `size`, else the smallest.
    pub fn guest(&self) -> Result<Guest, crate::InvalidGuest> {
        let guest = match (&self.guest, &self.size) {
            (Some(guest), _) => guest.clone(),
            (None, Some(size)) => Guest::preset(size)?,
            (None, None) => Guest::default(),
        };
        guest.validate()?;
        Ok(guest)
    }

    /// When what the machine writes to its root is dropped: `rootfs`, else the older key of `guest`.
    pub fn persist(&self) -> Persist {
        let own = self.rootfs.as_ref().and_then(|rootfs| rootfs.persist);
        own.or_else(|| self.guest.as_ref()?.persist_rootfs).unwrap_or_default()
    }

    pub fn process_group(&self) -> &str {
        self.metadata.get(metadata::PROCESS_GROUP).map_or("app", String::as_str)
    }
}

//! Machines, in the shapes of the Machines API.

use std::{collections::BTreeMap, net::Ipv6Addr};

use jiff::Timestamp;
use roost_model::{
    AppName, GoDuration, Guest, ImageRef, InstanceId, MachineConfig, MachineEvent, MachineId, MachineState,
    Region, service::CheckStatus,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// Body of a create or an update.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct MachineInput {
    #[serde(default)]
    pub config: MachineConfig,
    /// Only when it is created; made up when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A region, or several in order of preference, separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Make it, do not start it.
    #[serde(default)]
    pub skip_launch: bool,
    /// Make it cordoned.
    #[serde(default)]
    pub skip_service_registration: bool,
    /// Start it without the app's secrets.
    #[serde(default)]
    pub skip_secrets: bool,
    /// Refuse when the app's secrets are older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_secrets_version: Option<u64>,
    /// Take a lease of so many seconds along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ttl: Option<u32>,
    /// Refused when true: it is of another platform's disks.
    #[serde(default)]
    pub lsvd: bool,
    /// Refuse to update any other version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<InstanceId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    pub id: MachineId,
    pub name: String,
    pub state: MachineState,
    pub region: Region,
    pub instance_id: InstanceId,
    /// The same as `instance_id`.
    pub version: InstanceId,
    pub private_ip: Ipv6Addr,
    pub image_ref: MachineImage,
    pub config: MachineConfig,
    pub checks: Vec<CheckStatus>,
    /// Newest first.
    pub events: Vec<MachineEvent>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// `ok`, or `unreachable`: then the rest is as the host last told.
    pub host_status: String,
    pub cordoned: bool,
    /// Nonce of the lease that the call took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// A machine in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ListedMachine {
    Whole(Box<Machine>),
    /// When the list was asked for without what is long.
    Summary(MachineSummary),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineSummary {
    pub id: MachineId,
    pub name: String,
    pub state: MachineState,
    pub region: Region,
    pub instance_id: InstanceId,
    /// The same as `instance_id`.
    pub version: InstanceId,
    pub private_ip: Ipv6Addr,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub cordoned: bool,
}

impl From<roost_host_api::Machine> for MachineSummary {
    fn from(machine: roost_host_api::Machine) -> Self {
        Self {
            id: machine.id,
            name: machine.name,
            state: machine.state,
            region: machine.region,
            instance_id: machine.instance_id,
            version: machine.instance_id,
            private_ip: machine.private_ip,
            created_at: machine.created_at,
            updated_at: machine.updated_at,
            cordoned: machine.cordoned,
        }
    }
}

/// An image reference in its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct MachineImage {
    pub registry: String,
    pub repository: String,
    pub tag: String,
    pub digest: String,
    pub labels: BTreeMap<String, String>,
}

impl From<roost_host_api::Machine> for Machine {
    fn from(machine: roost_host_api::Machine) -> Self {
        let mut config = machine.config;
        // Clients read the size without looking whether it was given.
        config.guest = config.guest().ok().or(config.guest);
        Self {
            id: machine.id,
            name: machine.name,
            state: machine.state,
            region: machine.region,
            instance_id: machine.instance_id,
            version: machine.instance_id,
            private_ip: machine.private_ip,
            image_ref: MachineImage::new(&machine.image, machine.image_labels),
            config,
            checks: machine.checks,
            events: machine.events,
            created_at: machine.created_at,
            updated_at: machine.updated_at,
            host_status: "ok".to_owned(),
            cordoned: machine.cordoned,
            nonce: machine.nonce,
        }
    }
}

impl MachineImage {
    fn new(image: &ImageRef, labels: BTreeMap<String, String>) -> Self {
        Self {
            registry: image.registry.clone(),
            repository: image.repository.clone(),
            tag: image.tag.clone().unwrap_or_default(),
            digest: image.digest.clone().unwrap_or_default(),
            labels,
        }
    }
}

/// One of the machines of an org.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrgMachine {
    pub id: MachineId,
    pub name: String,
    pub app_name: AppName,
    pub state: MachineState,
    pub region: Region,
    pub instance_id: InstanceId,
    /// The same as `instance_id`.
    pub version: InstanceId,
    pub private_ip: Ipv6Addr,
    /// Absent from summaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<OrgMachineConfig>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrgMachineConfig {
    pub image: String,
    pub guest: Option<Guest>,
    pub metadata: BTreeMap<String, String>,
}

/// In the order of their last changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct OrgMachineList {
    pub machines: Vec<OrgMachine>,
    /// Of the next page; empty on the last.
    #[serde(default)]
    pub next_cursor: String,
    #[serde(default)]
    pub last_machine_id: String,
    #[serde(default)]
    pub last_updated_at: Option<Timestamp>,
    /// Regions that did not answer.
    #[serde(default)]
    pub error_regions: Vec<String>,
}

/// It was done, or recorded to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    pub ok: bool,
}

impl Done {
    pub const OK: Self = Self { ok: true };
}

/// Answer of a start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Started {
    pub message: String,
    /// `success`.
    pub status: String,
    pub previous_state: MachineState,
}

/// Answer of a wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waited {
    pub ok: bool,
    pub state: MachineState,
    pub version: InstanceId,
    /// The event that led there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub event_id: Option<Ulid>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct StopMachine {
    /// The configuration's when absent or empty.
    pub signal: Option<String>,
    pub timeout: Option<GoDuration>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignalMachine {
    pub signal: Signal,
}

/// A signal by its name (`SIGTERM`) or its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Signal {
    Number(i32),
    Name(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ExecMachine {
    /// The arguments, program first.
    pub command: Vec<String>,
    /// Instead of `command`: one line, split into words as a shell would.
    pub cmd: String,
    pub stdin: String,
    /// Refused when given: a machine has one container.
    pub container: String,
    /// Seconds.
    pub timeout: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecResult {
    pub exit_code: i32,
    /// 0 when no signal ended it.
    pub exit_signal: i32,
    pub stdout: String,
    pub stderr: String,
    /// Output past the limit was dropped.
    #[serde(default)]
    pub truncated: bool,
}

impl From<roost_host_api::ExecResult> for ExecResult {
    fn from(result: roost_host_api::ExecResult) -> Self {
        let roost_host_api::ExecResult { exit_code, exit_signal, stdout, stderr, truncated } = result;
        Self { exit_code, exit_signal, stdout, stderr, truncated }
    }
}

/// The memory of a machine that runs, in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MachineMemory {
    /// All of it: what its size says.
    pub limit_mb: u32,
    /// What its processes could still take, as its kernel estimates.
    pub available_mb: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SetMemoryLimit {
    pub limit_mb: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ReclaimMemory {
    pub amount_mb: u32,
}

/// A process in a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessStat {
    pub pid: i32,
    /// CPU time in milliseconds.
    pub stime: u64,
    /// Seconds since it began.
    pub rtime: u64,
    pub command: String,
    pub directory: String,
    /// Percent of one CPU over its life.
    pub cpu: u64,
    /// Bytes.
    pub rss: u64,
    pub listen_sockets: Vec<ListenSocket>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListenSocket {
    pub proto: String,
    /// `address:port`.
    pub address: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MetadataValue {
    pub value: String,
}

/// A configuration that a machine has, or had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineVersion {
    pub version: InstanceId,
    pub user_config: MachineConfig,
}

impl From<roost_host_api::MachineVersion> for MachineVersion {
    fn from(version: roost_host_api::MachineVersion) -> Self {
        Self { version: version.version, user_config: version.config }
    }
}

/// Keys to set; one that is null or empty is removed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct UpdateMetadata {
    pub metadata: BTreeMap<String, Option<String>>,
    /// Refuse when the machine is at another version.
    pub machine_version: Option<String>,
}

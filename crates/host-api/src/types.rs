//! Bodies of a host's API.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use jiff::Timestamp;
use roost_guest_api::LogStream;
use roost_model::{
    AppName, GoDuration, Guest, HostId, ImageRef, InstanceId, MachineConfig, MachineEvent, MachineId,
    MachineState, NetworkId, Region, service::CheckStatus,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostInfo {
    pub id: HostId,
    pub region: Region,
    /// Number of the host in 6PN addresses.
    pub number: u32,
    /// `qemu (tcg)`, `qemu (kvm)` or `firecracker`, and why it was chosen.
    pub driver: String,
    pub driver_reason: String,
    /// X25519 key that secrets for this host are sealed to (base64).
    pub sealing_key: String,
    pub total: Capacity,
    pub free: Capacity,
    pub version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Capacity {
    pub cpus: u32,
    pub memory_mib: u64,
    pub disk_mib: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReserveRequest {
    pub app: AppName,
    pub guest: Guest,
    /// Seconds until the reservation lapses.
    pub ttl_secs: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reservation {
    pub id: Ulid,
    pub expires_at: Timestamp,
    pub free: Capacity,
}

/// What a machine is made from, complete: a host asks nobody for more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineSpec {
    pub config: MachineConfig,
    /// Pinned to a digest by the api.
    pub image: ImageRef,
    /// App secrets sealed to the host's key: base64 of a sealed JSON object of strings.
    pub sealed_secrets: Option<String>,
    pub secrets_version: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateMachine {
    pub id: MachineId,
    pub name: String,
    pub app: AppName,
    pub network: NetworkId,
    pub region: Region,
    pub spec: MachineSpec,
    pub reservation: Option<Ulid>,
    /// Make it, do not start it.
    pub skip_launch: bool,
    /// Make it cordoned.
    pub cordoned: bool,
    /// Take this lease along with it; the answer tells the nonce.
    pub lease: Option<LeaseRequest>,
    /// For volumes that are made along with the machine.
    #[serde(default)]
    pub volume_keep: crate::VolumeKeep,
    pub source: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateMachine {
    pub spec: MachineSpec,
    pub name: Option<String>,
    /// Refuse unless this is the machine's instance id.
    pub current_version: Option<InstanceId>,
    pub skip_launch: bool,
    pub lease_nonce: Option<String>,
    /// Take this lease along with it, in place of the one that `lease_nonce` names.
    pub lease: Option<LeaseRequest>,
    pub source: String,
}

/// Who asks, for the event, and the nonce of the lease that lets them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cause {
    /// `user`, `proxy`, `deploy` or `host`.
    pub source: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub lease_nonce: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StopMachine {
    #[serde(flatten)]
    pub cause: Cause,
    /// The configuration's when absent.
    #[serde(default)]
    pub signal: Option<String>,
    #[serde(default)]
    pub timeout: Option<GoDuration>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalMachine {
    #[serde(flatten)]
    pub cause: Cause,
    pub signal: String,
}

/// Metadata keys to set (a text) or to remove (`null`). Makes no new version.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SetMetadata {
    #[serde(flatten)]
    pub cause: Cause,
    pub metadata: BTreeMap<String, Option<String>>,
    /// Refuse unless this is the machine's instance id.
    #[serde(default)]
    pub machine_version: Option<InstanceId>,
}

/// A configuration that a machine has, or had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MachineVersion {
    pub version: InstanceId,
    pub config: MachineConfig,
}

/// Query of `DELETE /v1/machines/{id}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DestroyMachine {
    /// Kill a machine that still runs; without it only a machine that does not run is destroyed.
    #[serde(default)]
    pub force: bool,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub lease_nonce: Option<String>,
}

/// A machine as its host knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub id: MachineId,
    pub name: String,
    pub app: AppName,
    pub host: HostId,
    pub region: Region,
    pub network: NetworkId,
    pub state: MachineState,
    pub instance_id: InstanceId,
    pub private_ip: Ipv6Addr,
    /// Reached only from the machine's own host.
    pub ipv4: Ipv4Addr,
    pub image: ImageRef,
    pub image_labels: BTreeMap<String, String>,
    pub config: MachineConfig,
    pub secrets_version: u64,
    pub cordoned: bool,
    pub checks: Vec<CheckStatus>,
    /// Newest first; the last few dozen.
    pub events: Vec<MachineEvent>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When the processes of this boot began to run.
    pub started_at: Option<Timestamp>,
    /// Only in the answer to a call that took a lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

impl Machine {
    /// Every check passes (or there is none).
    pub fn checks_pass(&self) -> bool {
        self.checks.iter().all(|c| c.status == roost_model::service::CheckResult::Passing)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeaseRequest {
    #[serde(default)]
    pub description: String,
    pub owner: String,
    pub ttl_secs: u32,
    /// Set: refresh this lease instead of taking one.
    #[serde(default)]
    pub nonce: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    pub nonce: String,
    pub expires_at: Timestamp,
    pub owner: String,
    pub description: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecMachine {
    pub argv: Vec<String>,
    /// Text for stdin.
    #[serde(default)]
    pub stdin: String,
    pub timeout_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecResult {
    pub exit_code: i32,
    /// 0 when no signal ended it.
    pub exit_signal: i32,
    pub stdout: String,
    pub stderr: String,
    /// Output past the limit was dropped.
    pub truncated: bool,
}

/// One line of the exec stream. The first one sent must be `Start`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ExecFrame {
    Start {
        request: roost_guest_api::ExecRequest,
    },
    /// base64; empty closes stdin.
    Input {
        data: String,
    },
    Resize {
        rows: u16,
        cols: u16,
    },
    Signal {
        signal: i32,
    },
    Output {
        stream: LogStream,
        data: String,
    },
    Exited {
        code: i32,
        signal: i32,
    },
    Failed {
        reason: String,
    },
}

/// Query of `GET /v1/logs`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LogQuery {
    pub app: String,
    #[serde(default)]
    pub machine: Option<MachineId>,
    /// Only lines after this cursor.
    #[serde(default)]
    pub after: Option<u64>,
    /// The last so many lines of what is kept; 100 when absent.
    #[serde(default)]
    pub tail: Option<u32>,
    #[serde(default)]
    pub follow: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Grows with every line of the host.
    pub cursor: u64,
    pub timestamp: Timestamp,
    pub app: AppName,
    /// [`MachineId::none`] for lines about the app as a whole.
    pub machine: MachineId,
    pub region: Region,
    pub process: String,
    /// `stdout`, `stderr`, or `system` for lines of Roost itself.
    pub stream: String,
    pub message: String,
}

/// Lines for an app's log, of somebody else than its machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppendLog {
    pub app: AppName,
    /// At most [`MAX_APPENDED_LINES`].
    pub lines: Vec<NewLogLine>,
}

/// Lines of one [`AppendLog`].
pub const MAX_APPENDED_LINES: usize = 1024;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewLogLine {
    pub timestamp: Timestamp,
    /// Which machine it is about; none: the app.
    pub machine: Option<MachineId>,
    /// Who says it, such as `edge`.
    pub process: String,
    pub message: String,
}

/// One line of `GET /v1/watch`: first every machine, then `Synced`, then changes as they happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum WatchEvent {
    /// First line. A new epoch: the host process is another one.
    Hello {
        host: HostInfo,
        epoch: Ulid,
    },
    Machine {
        seq: u64,
        machine: Box<Machine>,
    },
    /// The record of a destroyed machine was dropped.
    Gone {
        seq: u64,
        id: MachineId,
    },
    /// All machines have been sent.
    Synced {
        seq: u64,
    },
    /// At least once a second when nothing else is said.
    Heartbeat {
        seq: u64,
    },
}

/// Digests that must stay; others may go.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CollectImages {
    pub keep: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Collected {
    /// Images removed.
    pub images: u64,
    pub freed_bytes: u64,
}

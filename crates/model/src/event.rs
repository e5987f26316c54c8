//! What happened to a machine, newest first, in the shape of the Machines API.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// One entry of a machine's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineEvent {
    #[schemars(with = "String")]
    pub id: Ulid,
    /// `launch`, `start`, `update`, `stop`, `exit`, `suspend`, `cordon`, `uncordon`, `destroy`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// State of the machine after the event: where what it began has led so far.
    pub status: String,
    /// Who caused it: `user`, `host`, `proxy`, `deploy`.
    pub source: String,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<EventRequest>,
}

impl MachineEvent {
    /// Something began with it, or was reached, that ends in a state; a cordon, say, leads nowhere.
    pub fn leads_to_a_state(&self) -> bool {
        const KINDS: [&str; 9] =
            ["launch", "start", "update", "stop", "restart", "exit", "launch_failed", "suspend", "destroy"];
        KINDS.contains(&self.kind.as_str())
    }
}

/// Details of an event.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EventRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_event: Option<ExitEvent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_count: Option<u32>,
    /// A sentence for people: why it happened, what failed, what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How the guest's main process, or the VMM under it, ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExitEvent {
    /// Exit code as a shell would show it: 128 + signal for a killed process.
    pub exit_code: i32,
    pub guest_exit_code: i32,
    /// -1 when no signal ended it.
    pub guest_signal: i32,
    pub signal: i32,
    pub oom_killed: bool,
    /// Somebody asked for the stop: no restart policy applies.
    pub requested_stop: bool,
    /// The restart policy starts the machine again.
    pub restarting: bool,
    pub exited_at: Timestamp,
}

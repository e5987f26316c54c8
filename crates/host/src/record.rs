//! What a host remembers of one machine: the durable half of its state.
//!
//! `state` together with `halt` says all that is needed to go on after a crash; what runs at the
//! moment (VMM, connection to the guest, checks) is found again, not remembered.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use roost_host_api::{MachineSpec, SetMetadata};
use roost_model::{
    AppName, InstanceId, MachineEvent, MachineId, MachineState, NetworkId, Region,
    event::{EventRequest, ExitEvent},
};
use roost_vmm::Maker;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// Older events are forgotten: enough to explain the last few lives of a machine.
const MAX_EVENTS: usize = 50;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: MachineId,
    pub name: String,
    pub app: AppName,
    pub network: NetworkId,
    pub region: Region,
    pub spec: MachineSpec,
    /// Version of `spec`.
    pub instance_id: InstanceId,
    pub image_labels: BTreeMap<String, String>,
    pub place: Place,
    pub state: MachineState,
    /// How to end what runs and what comes after; set exactly while something is to be ended.
    pub halt: Option<Halt>,
    pub cordoned: bool,
    /// Counts boots; log sequence numbers of the guest start anew in each.
    pub boot: u64,
    /// The boot whose end is recorded: it must not be recorded twice.
    pub ended_boot: u64,
    /// The processes ran at least once in this version.
    pub ever_started: bool,
    /// Boots in a row that came to nothing.
    pub failed_boots: u32,
    /// When the restart policy started the machine again, within the policy's window.
    pub restarts: Vec<Timestamp>,
    /// In state `starting`: boot no sooner.
    pub not_before: Option<Timestamp>,
    pub lease: Option<LeaseRecord>,
    /// What its present boot was made by.
    pub maker: Option<Maker>,
    /// Of its memory, on disk: set while it is suspended, and until a resume has come to its end.
    pub kept_bytes: Option<u64>,
    /// Newest first.
    pub events: VecDeque<MachineEvent>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub started_at: Option<Timestamp>,
    /// When the schedule was heeded last.
    #[serde(default)]
    pub scheduled_at: Option<Timestamp>,
    /// When the present boot was recorded.
    pub boot_began: Option<Timestamp>,
}

/// What of the host's own numbers a machine holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Number of the machine within the host; never used again, so that neither is its address.
    pub number: u32,
    /// Index of its IPv4 address and of its uid; used again once the machine is destroyed.
    pub slot: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Halt {
    /// Of the version that runs, which may be older than `spec`.
    pub signal: i32,
    pub timeout_ms: u64,
    pub then: Then,
}

/// What follows when nothing runs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    Stay,
    Start,
    Destroy,
    /// The machine could not be made.
    Fail,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeaseRecord {
    pub nonce: String,
    pub expires_at: Timestamp,
    pub owner: String,
    pub description: String,
}

impl Record {
    /// Adds an event that leaves the machine in its present state.
    pub fn add_event(&mut self, kind: &str, source: &str, details: Option<EventRequest>) {
        let now = Timestamp::now();
        self.updated_at = now;
        self.events.truncate(MAX_EVENTS - 1);
        self.events.push_front(MachineEvent {
            id: Ulid::generate(),
            kind: kind.to_owned(),
            status: self.state.to_string(),
            source: source.to_owned(),
            timestamp: now.as_millisecond(),
            request: details,
        });
    }

    pub fn add_event_because(&mut self, kind: &str, source: &str, reason: Option<String>) {
        let details = reason.map(|reason| EventRequest { reason: Some(reason), ..Default::default() });
        self.add_event(kind, source, details);
    }

    /// The event that led here gets the state that it led to.
    pub fn conclude_event(&mut self) {
        let state = self.state;
        if let Some(event) = self.events.iter_mut().find(|event| event.leads_to_a_state()) {
            event.status = state.to_string();
        }
    }

    pub fn add_exit(&mut self, exit: ExitEvent, reason: Option<String>) {
        let restart_count = Some(self.restarts.len() as u32);
        self.add_event("exit", "host", Some(EventRequest { exit_event: Some(exit), restart_count, reason }));
    }

    pub fn apply_metadata(&mut self, change: &SetMetadata) {
        for (key, value) in &change.metadata {
            match value {
                Some(value) => self.spec.config.metadata.insert(key.clone(), value.clone()),
                None => self.spec.config.metadata.remove(key),
            };
        }
    }

    /// A boot, or what follows it, holds memory of the host.
    pub fn holds_capacity(&self) -> bool {
        use MachineState::{Replacing, Started, Starting, Stopping, Suspending};
        matches!(self.state, Starting | Started | Stopping | Suspending | Replacing)
    }
}

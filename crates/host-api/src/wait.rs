//! Waiting for a machine: what a caller waits for, and whether a machine is there.

use std::time::Duration;

use roost_model::{InstanceId, MachineEvent, MachineState};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::Machine;

/// Name for all states that stay until somebody does something.
const SETTLED: &str = "settled";

/// What to wait for: any of `states`.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    pub states: Vec<MachineState>,
    /// Only of this version.
    pub instance: Option<InstanceId>,
    /// Only what was reached after this event, even if the machine has left it again.
    pub from_event: Option<Ulid>,
    pub timeout: Duration,
}

/// How a wait was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    pub state: MachineState,
    /// The event that led there.
    pub event: Option<Ulid>,
}

impl Wait {
    pub fn until(states: impl IntoIterator<Item = MachineState>, timeout: Duration) -> Self {
        Self { states: states.into_iter().collect(), instance: None, from_event: None, timeout }
    }

    pub fn met_by(&self, machine: &Machine) -> Option<Reached> {
        if self.instance.is_some_and(|wanted| wanted != machine.instance_id) {
            return None;
        }
        match self.from_event {
            None => self.is_now(machine),
            Some(from) => self.was_since(machine, from),
        }
    }

    fn is_now(&self, machine: &Machine) -> Option<Reached> {
        let event = machine.events.iter().find(|event| led_to(event, machine.state));
        self.states
            .contains(&machine.state)
            .then(|| Reached { state: machine.state, event: event.map(|event| event.id) })
    }

    fn was_since(&self, machine: &Machine, from: Ulid) -> Option<Reached> {
        let known = machine.events.iter().any(|event| event.id == from);
        let since = machine.events.iter().take_while(|event| event.id != from);
        // A forgotten event is older than all that are left, unless it never was.
        let since = since.filter(|event| known || event.id > from);
        let reached = since.filter(|event| event.leads_to_a_state()).find_map(|event| self.reached_by(event));
        // What this very event began may have come to its end since.
        reached.or_else(|| {
            let newest = machine.events.first().filter(|event| event.id == from);
            self.reached_by(newest.filter(|event| event.leads_to_a_state() && event.kind != "start")?)
        })
    }

    fn reached_by(&self, event: &MachineEvent) -> Option<Reached> {
        let state = event.status.parse().ok().filter(|state| self.states.contains(state))?;
        Some(Reached { state, event: Some(event.id) })
    }
}

fn led_to(event: &MachineEvent, state: MachineState) -> bool {
    event.leads_to_a_state() && event.status == state.as_str()
}

/// Query of `GET /v1/machines/{id}/wait`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitQuery {
    /// States separated by commas; `settled` stands for all that stay until somebody does something.
    pub state: String,
    #[serde(default)]
    pub instance_id: Option<InstanceId>,
    #[serde(default)]
    pub from_event_id: Option<Ulid>,
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

impl From<&Wait> for WaitQuery {
    fn from(wait: &Wait) -> Self {
        let states: Vec<_> = wait.states.iter().map(|state| state.as_str()).collect();
        Self {
            state: states.join(","),
            instance_id: wait.instance,
            from_event_id: wait.from_event,
            timeout_ms: Some(wait.timeout.as_millis() as u64),
        }
    }
}

/// The states that a list of names stands for.
pub fn states(names: &str) -> Result<Vec<MachineState>, roost_model::state::UnknownState> {
    let mut states = Vec::new();
    for name in names.split(',').map(str::trim) {
        match name {
            SETTLED => states.extend(MachineState::ALL.into_iter().filter(|state| state.is_settled())),
            name => states.push(name.parse()?),
        }
    }
    Ok(states)
}

//! What is there.

use roost_model::{MachineId, MachineState};
use serde::{Deserialize, Serialize};

/// A machine of the app, as its host last told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedMachine {
    pub id: MachineId,
    pub group: String,
    /// Release that the machine was made or updated by; `None` when no release made it.
    pub release: Option<u64>,
    pub state: MachineState,
    /// Gets no new requests.
    pub cordoned: bool,
    /// Every check passes, or there is none.
    pub healthy: bool,
}

impl ObservedMachine {
    /// There to be used, kept or removed.
    pub(crate) fn exists(&self) -> bool {
        !self.state.is_gone()
    }

    /// It could not be made; nothing will come of it.
    pub(crate) fn failed(&self) -> bool {
        self.state == MachineState::Failed
    }

    /// No VMM runs, or it is about to end: a request may wake it.
    pub(crate) fn asleep(&self) -> bool {
        self.state.can_start() || matches!(self.state, MachineState::Stopping | MachineState::Suspending)
    }

    /// A request that comes now is served, by waking the machine if need be.
    pub fn serves(&self) -> bool {
        !self.cordoned && (self.asleep() || (self.state == MachineState::Started && self.healthy))
    }
}

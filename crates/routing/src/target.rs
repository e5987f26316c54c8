//! A machine, reduced to what routing asks about it.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    ops::Deref,
    sync::Arc,
};

use jiff::Timestamp;
use roost_model::{HostId, MachineId, MachineState, Region};
use serde::{Deserialize, Serialize};

use crate::{Load, Route};

/// One machine that may serve requests; what it may have in common with others is there as its own fields.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    pub id: MachineId,
    pub private_ip: Ipv6Addr,
    /// Reached only from the machine's own host.
    pub ipv4: Ipv4Addr,
    /// When its processes began to run.
    pub started_at: Option<Timestamp>,
    /// Is not put to sleep before, as it says itself.
    pub busy_until: Option<Timestamp>,
    /// One value for all machines of the app that have it.
    pub traits: Arc<Traits>,
    /// Handed on from one version of this value to the next: it counts what is in flight now.
    #[serde(skip)]
    pub load: Arc<Load>,
}

/// What most machines of an app have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traits {
    pub host: HostId,
    pub region: Region,
    /// Machines of one group can stand in for each other.
    pub group: Arc<str>,
    pub state: MachineState,
    /// Gets no new requests, whatever its state.
    pub cordoned: bool,
    /// Health of each route, in the order of `routes`.
    pub health: Arc<[Health]>,
    /// Shared by all machines with the same services.
    pub routes: Arc<[Route]>,
}

/// What the checks of a service say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Health {
    /// Every check passes, or there is none.
    Passing,
    /// Some check has not finished since the machine started.
    Unknown,
    Failing,
}

impl Deref for Target {
    type Target = Traits;

    fn deref(&self) -> &Traits {
        &self.traits
    }
}

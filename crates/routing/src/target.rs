//! A machine, reduced to what routing asks about it.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use jiff::Timestamp;
use roost_model::{HostId, MachineId, MachineState, Region};
use serde::{Deserialize, Serialize};

use crate::{Load, Route};

/// One machine that may serve requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    pub id: MachineId,
    pub host: HostId,
    pub region: Region,
    /// Machines of one group can stand in for each other.
    pub group: Arc<str>,
    pub private_ip: Ipv6Addr,
    /// Reached only from the machine's own host.
    pub ipv4: Ipv4Addr,
    pub state: MachineState,
    /// When its processes began to run.
    pub started_at: Option<Timestamp>,
    /// Is not put to sleep before, as it says itself.
    pub busy_until: Option<Timestamp>,
    /// Gets no new requests, whatever its state.
    pub cordoned: bool,
    /// Shared by all machines with the same services.
    pub routes: Arc<[Route]>,
    /// Health of each route, in the order of `routes`; shared by machines for which it is the same.
    pub health: Arc<[Health]>,
    /// Handed on from one version of this value to the next: it counts what is in flight now.
    #[serde(skip)]
    pub load: Arc<Load>,
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

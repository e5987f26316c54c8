//! One machine, as far as readers of the catalog need it: what routing reads, and a little more.
//!
//! There may be a million of them, so whatever machines have in common is there once.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use jiff::Timestamp;
use roost_host_api::Machine;
use roost_model::{AppName, ExitEvent, MachineState, NetworkId};
use roost_routing::Target;
use serde::{Deserialize, Serialize};

/// A machine; what routing reads of it is there as its own fields.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MachineEntry {
    pub app: AppName,
    pub(crate) target: Arc<Target>,
    pub network: NetworkId,
    pub updated_at: Timestamp,
    /// The same for most machines of an app.
    pub labels: Arc<Labels>,
    /// How it ended, while it does not run.
    pub ending: Option<Box<Ending>>,
}

/// What machines are found by in their network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Labels {
    pub metadata: BTreeMap<String, String>,
    /// Its app does not want it to be found.
    pub hidden: bool,
}

/// The last that is known of a machine that does not run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ending {
    /// Of its last boot.
    pub exit: Option<ExitEvent>,
    /// Why somebody had it do what it did last.
    pub reason: Option<String>,
}

impl Deref for MachineEntry {
    type Target = Target;

    fn deref(&self) -> &Target {
        &self.target
    }
}

impl Labels {
    pub(crate) fn of(machine: &Machine) -> Self {
        let skips = machine.config.dns.as_ref().and_then(|dns| dns.skip_registration);
        Self { metadata: machine.config.metadata.clone(), hidden: skips == Some(true) }
    }
}

impl Ending {
    pub(crate) fn of(machine: &Machine) -> Option<Box<Self>> {
        if machine.state == MachineState::Started {
            return None;
        }
        let last = machine.events.iter().find(|event| event.kind == "exit" || event.kind == "start");
        let exit = last.and_then(|event| event.request.as_ref()?.exit_event.clone());
        let reason = machine.events.iter().find_map(|event| event.request.as_ref()?.reason.clone());
        (exit.is_some() || reason.is_some()).then(|| Box::new(Self { exit, reason }))
    }
}

//! The steps of a plan. Each can be repeated: one that is already done changes nothing.

use std::fmt;

use roost_model::MachineId;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Make a machine of the release in this group.
    CreateMachine {
        machine: MachineId,
        group: String,
        /// The machine whose place it takes: its region and size in the field are a good guide.
        replaces: Option<MachineId>,
        launch: Launch,
        /// Made cordoned: it gets requests only after `Uncordon`.
        cordoned: bool,
    },
    /// Give an existing machine the release's configuration and reboot it, after a change that is
    /// under way has ended.
    UpdateMachine { machine: MachineId, group: String, launch: Launch },
    /// Start a machine that does not run, after a stop that is under way has ended.
    StartMachine { machine: MachineId },
    /// Wait until the machine's processes run. Fails when it exits.
    WaitStarted { machine: MachineId },
    /// Wait until every check passes and the machine has stayed up for a moment. Fails when it
    /// exits, or when the time is over.
    WaitHealthy { machine: MachineId },
    /// Let it have requests.
    Uncordon { machine: MachineId },
    /// Let it have no new requests.
    Cordon { machine: MachineId },
    /// Wait until its last request has ended, for a bounded time.
    Drain { machine: MachineId },
    /// Stop it in order and remove it.
    DestroyMachine { machine: MachineId },
}

/// Whether a created or updated machine is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launch {
    Start,
    /// As it was when the step is executed: a machine that runs then is started again, one that
    /// sleeps goes on sleeping. A created machine is not started.
    Keep,
}

impl Step {
    /// The machine that the step is about.
    pub fn machine(&self) -> &MachineId {
        match self {
            Self::CreateMachine { machine, .. }
            | Self::UpdateMachine { machine, .. }
            | Self::StartMachine { machine }
            | Self::WaitStarted { machine }
            | Self::WaitHealthy { machine }
            | Self::Uncordon { machine }
            | Self::Cordon { machine }
            | Self::Drain { machine }
            | Self::DestroyMachine { machine } => machine,
        }
    }

    /// Stable name of the kind of step, the same as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateMachine { .. } => "create_machine",
            Self::UpdateMachine { .. } => "update_machine",
            Self::StartMachine { .. } => "start_machine",
            Self::WaitStarted { .. } => "wait_started",
            Self::WaitHealthy { .. } => "wait_healthy",
            Self::Uncordon { .. } => "uncordon",
            Self::Cordon { .. } => "cordon",
            Self::Drain { .. } => "drain",
            Self::DestroyMachine { .. } => "destroy_machine",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateMachine { machine, group, replaces, launch, cordoned } => {
                write!(f, "create machine {machine} in group {group}")?;
                if let Some(old) = replaces {
                    write!(f, " in place of {old}")?;
                }
                if *cordoned {
                    f.write_str(", cordoned")?;
                }
                if *launch == Launch::Keep { f.write_str(", asleep") } else { Ok(()) }
            }
            Self::UpdateMachine { machine, group, launch } => {
                write!(f, "update machine {machine} of group {group}")?;
                if *launch == Launch::Keep { f.write_str(", asleep if it sleeps") } else { Ok(()) }
            }
            Self::StartMachine { machine } => write!(f, "start machine {machine}"),
            Self::WaitStarted { machine } => write!(f, "wait until machine {machine} is started"),
            Self::WaitHealthy { machine } => write!(f, "wait until machine {machine} is healthy"),
            Self::Uncordon { machine } => write!(f, "uncordon machine {machine}"),
            Self::Cordon { machine } => write!(f, "cordon machine {machine}"),
            Self::Drain { machine } => write!(f, "drain machine {machine}"),
            Self::DestroyMachine { machine } => write!(f, "destroy machine {machine}"),
        }
    }
}

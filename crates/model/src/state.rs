//! The states of a machine.
//!
//! ```text
//!            create                 start               exit, stop
//!  (nothing) ──────► created ──────► starting ──► started ──► stopping ──► stopped
//!                       └──── made without a start: its image is ready ──────▲
//!                                       ▲           │ ▲                      │
//!                                       │   suspend │ │ resume               │ start
//!                                       │           ▼ │                      │
//!                                       │      suspending ──► suspended      │
//!                                       └────────────────────────────────────┘
//!  update: any settled state ──► replacing ──► starting | stopped
//!  destroy: any state ──► destroying ──► destroyed;   a create that cannot be finished ──► failed
//! ```

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// State of a machine, as the Machines API spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// Recorded on its host; its image is being made ready.
    Created,
    /// Disks, network or VMM are being made ready, or the guest boots.
    Starting,
    /// The guest reported its processes as running.
    Started,
    /// A stop was recorded; the guest is ending its processes.
    Stopping,
    /// No VMM runs; the machine can be started.
    Stopped,
    /// Memory is being written to the host's disk.
    Suspending,
    /// No VMM runs; memory is kept on the host's disk.
    Suspended,
    /// A new configuration is taking the place of the old one.
    Replacing,
    /// A destroy was recorded; parts are being removed.
    Destroying,
    /// Gone; the record stays readable for a while.
    Destroyed,
    /// The machine could not be made; its last event says why.
    Failed,
}

impl MachineState {
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::Starting,
        Self::Started,
        Self::Stopping,
        Self::Stopped,
        Self::Suspending,
        Self::Suspended,
        Self::Replacing,
        Self::Destroying,
        Self::Destroyed,
        Self::Failed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Starting => "starting",
            Self::Started => "started",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Suspending => "suspending",
            Self::Suspended => "suspended",
            Self::Replacing => "replacing",
            Self::Destroying => "destroying",
            Self::Destroyed => "destroyed",
            Self::Failed => "failed",
        }
    }

    /// A state that a step is working to leave; it settles without a person.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Stopping | Self::Suspending | Self::Replacing | Self::Destroying
        )
    }

    /// A state that stays until somebody does something.
    pub fn is_settled(self) -> bool {
        !self.is_transient() && self != Self::Created
    }

    pub fn can_start(self) -> bool {
        matches!(self, Self::Created | Self::Stopped | Self::Suspended)
    }

    pub fn can_stop(self) -> bool {
        matches!(self, Self::Starting | Self::Started | Self::Suspended)
    }

    pub fn can_suspend(self) -> bool {
        self == Self::Started
    }

    pub fn can_update(self) -> bool {
        !matches!(self, Self::Destroying | Self::Destroyed | Self::Replacing)
    }

    pub fn is_gone(self) -> bool {
        matches!(self, Self::Destroying | Self::Destroyed)
    }
}

impl fmt::Display for MachineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text named no state of a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown machine state \"{0}\"; states are created, starting, started, stopping, stopped, suspending, suspended, replacing, destroying, destroyed, failed"
)]
pub struct UnknownState(String);

impl FromStr for MachineState {
    type Err = UnknownState;

    fn from_str(s: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == s).ok_or_else(|| UnknownState(s.to_owned()))
    }
}

//! Deploys: bringing an app's machines to a release, step by step.
//!
//! ```text
//!   running ──► succeeded
//!      │ a step failed
//!      ├──────► failed                       (no earlier release to return to)
//!      └──────► returning ──► returned       (the last good release serves again)
//!                    └──────► failed         (neither release could be made to run)
//! ```

use jiff::Timestamp;
use roost_model::{AppName, MachineId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deploy {
    pub app: AppName,
    /// Counts from 1 within the app.
    pub number: u64,
    pub kind: DeployKind,
    /// Version of the release that the machines are brought to.
    pub release: u64,
    pub status: DeployStatus,
    /// The release that is or was returned to.
    #[serde(default)]
    pub returned_to: Option<u64>,
    pub steps: Vec<DeployStep>,
    #[serde(default)]
    pub failure: Option<DeployFailure>,
    /// Things worth knowing that did not stop it.
    #[serde(default)]
    pub warnings: Vec<String>,
    pub started_at: Timestamp,
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeployKind {
    Release,
    /// The same release, other numbers of machines.
    Scale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeployStatus {
    Running,
    /// A step failed; the last good release is being brought back, or if there is none, what the deploy
    /// made is being removed.
    Returning,
    Succeeded,
    Failed,
    /// Failed, and the last good release serves again.
    Returned,
}

impl DeployStatus {
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Returned)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeployStep {
    /// Kind of step: `create_machine`, `wait_healthy`, ...
    pub name: String,
    /// The step in words.
    pub title: String,
    pub machine: MachineId,
    pub state: StepState,
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Pending,
    /// Recorded; it may have acted.
    Running,
    Done,
    Failed,
    /// The deploy failed before its turn.
    Skipped,
}

/// Why a deploy failed, for people and for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeployFailure {
    pub code: FailureCode,
    pub message: String,
    #[serde(default)]
    pub machine: Option<MachineId>,
    /// The machine's last log lines, oldest first.
    #[serde(default)]
    pub log: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// A machine's process ended although nobody asked for it.
    MachineExited,
    /// The machine could not be made or booted: no capacity, a broken image, a VMM that fails.
    MachineFailed,
    /// The machine did not start in time.
    StartTimeout,
    /// Checks did not pass in time.
    Unhealthy,
    /// Somebody destroyed a machine that the deploy was working on.
    MachineGone,
    /// The host refused, or can not be reached.
    HostError,
    /// A failure of Roost itself.
    Internal,
}

/// A line of a deploy's watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum DeployEvent {
    /// The first line: how it stands.
    Deploy {
        deploy: Deploy,
    },
    /// A step was added, or its state is another one.
    Step {
        index: usize,
        step: DeployStep,
    },
    Status {
        status: DeployStatus,
    },
    Failure {
        failure: DeployFailure,
    },
    Warning {
        message: String,
    },
    /// The last line.
    Finished {
        deploy: Deploy,
    },
}

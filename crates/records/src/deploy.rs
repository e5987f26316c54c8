//! Deploys: bringing an app's machines to a release, in steps that are recorded before they act.
//!
//! ```text
//!   running ──► succeeded
//!      │ a step failed
//!      ├──────► failed                       (no earlier release to return to)
//!      └──────► returning ──► returned       (the last good release serves again)
//!                    └──────► failed         (neither release could be made to run)
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;
use roost_model::{AppName, MachineId};
use serde::{Deserialize, Serialize};

use crate::Record;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployRecord {
    pub app: AppName,
    /// Counts from 1 within the app.
    pub number: u64,
    pub kind: DeployKind,
    /// The release that the machines are brought to.
    pub release: u64,
    /// What to return to if it fails: the app's current release when the deploy began.
    pub last_good: Option<u64>,
    /// Machines wanted of each process group; groups that are absent keep what they have.
    #[serde(default)]
    pub counts: BTreeMap<String, u32>,
    pub status: DeployStatus,
    /// In the order of the plan; those of a return come after those that failed.
    pub steps: Vec<StepRecord>,
    #[serde(default)]
    pub failure: Option<DeployFailure>,
    /// Things worth knowing that did not stop it.
    #[serde(default)]
    pub warnings: Vec<String>,
    pub started_at: Timestamp,
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployKind {
    Release,
    /// The same release, other numbers of machines.
    Scale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployStatus {
    Running,
    /// A step failed; the last good release is being brought back.
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step as the planner made it, with everything that carrying it out needs.
    pub step: serde_json::Value,
    /// The step in words.
    pub title: String,
    pub state: StepState,
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployFailure {
    /// Stable: `machine_exited`, `unhealthy`, `start_timeout`, `host_error`, ...
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub machine: Option<MachineId>,
    /// The machine's last log lines, oldest first.
    #[serde(default)]
    pub log: Vec<String>,
}

impl Record for DeployRecord {}

/// Says which deploy of the app runs. A second one is refused while it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployLock {
    pub number: u64,
    pub release: u64,
}

impl Record for DeployLock {}

/// Says which api carries the deploy out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployOwner {
    /// Name of the node that it runs on.
    pub node: String,
}

impl Record for DeployOwner {}

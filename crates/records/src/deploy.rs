//! Deploys: bringing an app's machines to a release, in steps that are recorded before they act.

use jiff::Timestamp;
use roost_api_types::{DeployFailure, DeployKind, DeployStatus, StepState};
use roost_model::AppName;
use roost_planner::{Desired, Plan};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

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
    pub status: DeployStatus,
    pub rollout: RolloutRecord,
    /// The way back to `last_good`, or to no machines if there is none, once a step failed.
    #[serde(default)]
    pub return_rollout: Option<RolloutRecord>,
    #[serde(default)]
    pub failure: Option<DeployFailure>,
    /// Things worth knowing that did not stop it.
    #[serde(default)]
    pub warnings: Vec<String>,
    pub started_at: Timestamp,
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

/// One plan and how far its execution is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutRecord {
    pub desired: Desired,
    /// With the ids of the machines that it creates.
    pub plan: Plan,
    /// By the steps' index in the plan.
    pub progress: Vec<StepProgress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepProgress {
    pub state: StepState,
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

impl RolloutRecord {
    pub fn new(desired: Desired, plan: Plan) -> Self {
        let pending = StepProgress { state: StepState::Pending, started_at: None, finished_at: None };
        let progress = vec![pending; plan.steps().count()];
        Self { desired, plan, progress }
    }
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
    /// Of this one execution: writes of an earlier one are refused by it.
    pub session: Ulid,
}

impl Record for DeployOwner {}

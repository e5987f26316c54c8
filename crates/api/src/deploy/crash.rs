//! Test hook: places at which a deploy can be made to die, one after each recording.

use std::{fmt, sync::OnceLock};

use roost_planner::Step;

/// An api whose environment names a crash point here aborts right after recording that step.
pub const CRASH_VARIABLE: &str = "ROOST_CRASH_AT";

/// A place in a deploy, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPoint(&'static str);

impl CrashPoint {
    /// Release, plan and lock are recorded; nothing else was done.
    pub const BEGUN: Self = Self("deploy-begun");
    /// A step's failure and the way back are recorded.
    pub const RETURNING: Self = Self("deploy-returning");
    /// All is done and recorded.
    pub const FINISHED: Self = Self("deploy-finished");

    /// In the order of a deploy's life.
    pub const ALL: [Self; 12] = [
        Self::BEGUN,
        Self("deploy-create-machine"),
        Self("deploy-update-machine"),
        Self("deploy-start-machine"),
        Self("deploy-wait-started"),
        Self("deploy-wait-healthy"),
        Self("deploy-uncordon"),
        Self("deploy-cordon"),
        Self("deploy-drain"),
        Self("deploy-destroy-machine"),
        Self::RETURNING,
        Self::FINISHED,
    ];

    /// The place between the recording of a step and its doing.
    pub fn of(step: &Step) -> Self {
        Self(match step {
            Step::CreateMachine { .. } => "deploy-create-machine",
            Step::UpdateMachine { .. } => "deploy-update-machine",
            Step::StartMachine { .. } => "deploy-start-machine",
            Step::WaitStarted { .. } => "deploy-wait-started",
            Step::WaitHealthy { .. } => "deploy-wait-healthy",
            Step::Uncordon { .. } => "deploy-uncordon",
            Step::Cordon { .. } => "deploy-cordon",
            Step::Drain { .. } => "deploy-drain",
            Step::DestroyMachine { .. } => "deploy-destroy-machine",
        })
    }

    /// Aborts the process when a test asked for it.
    pub(super) fn reach(self) {
        static CRASH_AT: OnceLock<Option<String>> = OnceLock::new();
        let crash_at = CRASH_AT.get_or_init(|| std::env::var(CRASH_VARIABLE).ok());
        if crash_at.as_deref() == Some(self.0) {
            eprintln!("{CRASH_VARIABLE}={self}: aborting");
            std::process::abort();
        }
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

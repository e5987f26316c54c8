//! What a machine does between its start and its end.

use std::time::Duration;

use axum::Router;
use roost_model::MachineConfig;

const STEP: Duration = Duration::from_millis(20);
const SLOW: Duration = Duration::from_millis(500);

/// Exit code of a machine that crashes.
const CRASH_CODE: i32 = 3;

#[derive(Clone)]
pub(crate) struct Plan {
    /// What its app answers.
    pub router: Router,
    /// From the start call to `started`.
    pub boot: Duration,
    pub outcome: Outcome,
    /// From the stop call to `stopped`.
    pub stop_takes: Duration,
}

#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// Its app listens so long after `started`, where the first service says.
    Serves {
        after: Duration,
    },
    /// A program of the test's own listens at its address, or none does.
    ServedByOthers,
    /// Its app listens on a port that no service names, of its guest's loopback.
    ListensElsewhere,
    Exits {
        code: i32,
    },
    OutOfMemory,
    /// It stays `starting`.
    Hangs,
}

impl Plan {
    pub fn serving(router: Router) -> Self {
        Self { router, boot: STEP, outcome: Outcome::Serves { after: Duration::ZERO }, stop_takes: STEP }
    }

    /// The same machine, with what the variable `BEHAVIOUR` says, if it is set.
    pub fn configured_by(self, config: &MachineConfig) -> Self {
        let Some(behaviour) = config.env.get("BEHAVIOUR") else { return self };
        let plan = Self::serving(self.router);
        match behaviour.as_str() {
            "fine" => plan,
            "slow" => Self { boot: SLOW, ..plan },
            "crash" => Self { outcome: Outcome::Exits { code: CRASH_CODE }, ..plan },
            "elsewhere" => Self { outcome: Outcome::ListensElsewhere, ..plan },
            "stuck" => Self { outcome: Outcome::Hangs, ..plan },
            other => panic!("no such BEHAVIOUR: {other}"),
        }
    }
}

//! Health checks of a running machine, made from its host.
//!
//! One task for each check asks in its interval and tells what it found; [`Checks`] keeps the last
//! answer of each. Nothing is written down: after a restart of the host each is asked anew.

mod plan;
mod probe;
mod tls;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use roost_model::service::{CheckResult, CheckStatus};
use tokio::{sync::mpsc, time::Instant};

use self::plan::CheckPlan;
pub use self::{plan::TlsPlan, tls::handshake};
use crate::{config::HostConfig, job::Job, place, record::Record};

/// Until a check has passed once it is asked at least this often, so that a machine is found healthy
/// soon after it is, whatever its interval.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

/// Answers that wait for the owner.
const ROOM: usize = 16;

pub struct Checks {
    statuses: Vec<CheckStatus>,
    answers: mpsc::Receiver<(usize, CheckStatus)>,
    _tasks: Vec<Job<()>>,
}

impl Checks {
    /// What is known of a machine's checks before any was made.
    pub fn initial(record: &Record) -> Vec<CheckStatus> {
        plan::of(record).iter().map(CheckPlan::unknown).collect()
    }

    /// Begins to check a machine that has just started; `None` if it has no checks.
    pub fn start(config: &HostConfig, record: &Record) -> Option<Self> {
        let plans = plan::of(record);
        if plans.is_empty() {
            return None;
        }
        let addresses = [place::ipv4(config, record).into(), place::address(config, record).ip().into()];
        let statuses = plans.iter().map(CheckPlan::unknown).collect();
        let (sender, answers) = mpsc::channel(ROOM);
        let tasks = plans.into_iter().enumerate().map(|(index, plan)| {
            let target = probe::Target { addresses, plan: Arc::new(plan) };
            Job::spawn(watch(index, target, running_since(record), sender.clone()))
        });
        Some(Self { statuses, answers, _tasks: tasks.collect() })
    }

    /// All statuses, as soon as one of them changes.
    pub async fn next(&mut self) -> Vec<CheckStatus> {
        loop {
            let Some((index, status)) = self.answers.recv().await else {
                return std::future::pending().await;
            };
            let known = &mut self.statuses[index];
            let news = known.status != status.status || known.output != status.output;
            *known = status;
            if news {
                return self.statuses.clone();
            }
        }
    }
}

fn running_since(record: &Record) -> Instant {
    let age = record.started_at.map(|at| Timestamp::now().duration_since(at).unsigned_abs());
    let now = Instant::now();
    now.checked_sub(age.unwrap_or_default()).unwrap_or(now)
}

async fn watch(
    index: usize,
    target: probe::Target,
    started: Instant,
    answers: mpsc::Sender<(usize, CheckStatus)>,
) {
    let plan = target.plan.clone();
    let mut ever_passed = false;
    loop {
        let found = probe::probe(&target).await;
        ever_passed |= found.is_ok();
        let in_grace = !ever_passed && started.elapsed() < plan.grace;
        if answers.send((index, plan.status(found, in_grace))).await.is_err() {
            return;
        }
        let pause = if ever_passed { plan.interval } else { plan.interval.min(FIRST_INTERVAL) };
        tokio::time::sleep(pause).await;
    }
}

impl CheckPlan {
    fn unknown(&self) -> CheckStatus {
        CheckStatus {
            name: self.name.clone(),
            status: CheckResult::Warning,
            output: "no answer yet".to_owned(),
            updated_at: Timestamp::now(),
        }
    }

    fn status(&self, found: Result<String, String>, in_grace: bool) -> CheckStatus {
        let (status, output) = match found {
            Ok(output) => (CheckResult::Passing, output),
            Err(output) if in_grace => (CheckResult::Warning, output),
            Err(output) => (CheckResult::Critical, output),
        };
        CheckStatus { name: self.name.clone(), status, output, updated_at: Timestamp::now() }
    }
}

//! What follows when a boot or a release has ended.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use roost_model::MachineState;
use tokio::{task::spawn_blocking, time::Instant};

use super::{
    Owner,
    activity::{Activity, Running},
    boot::{BootError, prepare, seconds},
    release::Left,
    stop::default_halt,
};
use crate::{
    checks::Checks,
    job::Job,
    place,
    record::Then,
    restart::{Ending, Verdict, decide, in_window},
    step::Step,
    store::Survives,
};

/// Boots in a row that may come to nothing (a host short of something for a while) before the
/// machine is given up. Each may take as long as the boot timeout.
const MAX_FAILED_BOOTS: u32 = 3;

impl Owner {
    /// Makes a machine ready that is not to be started yet.
    pub(super) fn prepare_now(&mut self) {
        let work = prepare(self.ctx.clone(), self.record.clone());
        self.activity = Activity::Preparing(Job::spawn(work));
    }

    pub(super) async fn prepared(&mut self, prepared: Result<(), BootError>) {
        self.activity = Activity::Idle;
        self.record.image_labels = self.image_labels();
        let Err(error) = prepared else { return self.settle(MachineState::Stopped, Step::Stopped).await };
        let reason = error.to_string();
        self.record.add_event_because("launch_failed", "host", Some(reason.clone()));
        self.say(format!("Machine was not made ready: {reason}")).await;
        // What may go better another time is tried again by a start.
        let state = if error.is_final() { MachineState::Failed } else { MachineState::Stopped };
        self.settle(state, Step::Stopped).await;
    }

    pub(super) async fn booted(&mut self, booted: Result<Running, BootError>) {
        match booted {
            Ok(running) => self.started(running).await,
            Err(BootError::Exited(report, running)) => {
                self.record.ever_started = true;
                self.processes_ended(*running, &report).await;
            }
            Err(error) if self.record.kept_bytes.is_some() => self.not_resumed(error).await,
            Err(error) => self.not_booted(error).await,
        }
    }

    /// Instead it starts from nothing, which is no failure of the machine's.
    async fn not_resumed(&mut self, error: BootError) {
        let reason = error.to_string();
        self.record.kept_bytes = None;
        self.record.ended_boot = self.record.boot;
        self.record.not_before = None;
        let told = Some(format!("it starts from nothing: {reason}"));
        self.record.add_event_because("resume_failed", "host", told);
        self.record_at(Step::RecordExit).await;
        self.say(format!("Machine could not be resumed and starts from nothing: {reason}")).await;
        self.release_now(Left::Unknown);
    }

    async fn started(&mut self, running: Running) {
        let now = Timestamp::now();
        let took = now.duration_since(self.record.boot_began.unwrap_or(now)).unsigned_abs();
        self.record.state = MachineState::Started;
        self.record.ever_started = true;
        self.record.failed_boots = 0;
        self.record.started_at = Some(now);
        self.record.image_labels = self.image_labels();
        let resumed = self.record.kept_bytes.take().is_some();
        self.room = None;
        self.record.add_event("start", "host", None);
        self.checks = Checks::initial(&self.record);
        self.record_as(Step::Started, Survives::Crash).await;
        self.watch_over(running);
        let how = if resumed { "resumed" } else { "started" };
        self.say(format!("Machine {how} in {}", seconds(took))).await;
    }

    fn image_labels(&self) -> BTreeMap<String, String> {
        let digest = self.record.spec.image.digest.as_deref().unwrap_or_default();
        self.ctx.parts.images.get(digest).map_or_else(BTreeMap::new, |image| image.config.labels.clone())
    }

    /// From now on its end and its checks are heard of.
    pub(super) fn watch_over(&mut self, mut running: Running) {
        running.checks = Checks::start(&self.ctx.config, &self.record);
        self.activity = Activity::Running(running);
    }

    async fn not_booted(&mut self, error: BootError) {
        let now = Timestamp::now();
        let reason = error.to_string();
        let record = &mut self.record;
        record.failed_boots += 1;
        let policy = record.spec.config.restart.as_ref();
        let again = match decide(policy, Ending::Failure, &record.restarts, now) {
            Verdict::StartAfter(pause) if !error.is_final() && record.failed_boots < MAX_FAILED_BOOTS => {
                Some(pause)
            }
            _ => None,
        };
        match again {
            Some(pause) => {
                record.restarts.retain(|then| in_window(*then, now));
                record.restarts.push(now);
                record.not_before = Some(now + pause);
                record.ended_boot = record.boot;
            }
            None => {
                record.state = MachineState::Stopping;
                record.ended_boot = record.boot;
                record.halt = Some(default_halt(if record.ever_started { Then::Stay } else { Then::Fail }));
            }
        }
        record.add_event_because("launch_failed", "host", Some(reason.clone()));
        self.record_at(Step::RecordExit).await;
        self.say(format!("Machine did not start: {reason}")).await;
        self.release_now(Left::Unknown);
    }

    /// Nothing of a boot is left.
    pub(super) async fn released(&mut self) {
        self.activity = Activity::Idle;
        if self.record.state != MachineState::Suspending && self.record.kept_bytes.is_none() {
            self.room = None;
        }
        let then = self.record.halt.as_ref().map_or(Then::Stay, |halt| halt.then);
        match (self.record.state, then) {
            (MachineState::Starting, _) if self.record.kept_bytes.is_some() => self.resume_now(),
            (MachineState::Starting, _) => self.back_off(),
            (MachineState::Suspending, _) => self.suspended().await,
            (MachineState::Stopping | MachineState::Replacing, Then::Start) => self.boot_again().await,
            (MachineState::Stopping | MachineState::Replacing, Then::Stay) => {
                self.settle(MachineState::Stopped, Step::Stopped).await
            }
            (MachineState::Stopping | MachineState::Replacing, Then::Fail) => {
                self.settle(MachineState::Failed, Step::Stopped).await
            }
            (MachineState::Stopping | MachineState::Replacing, Then::Destroy) => {
                self.record.state = MachineState::Destroying;
                self.record_at(Step::Destroy).await;
                self.destroyed().await;
            }
            (MachineState::Destroying, _) => self.destroyed().await,
            _ => self.claim = None,
        }
    }

    /// Boots when the restart policy says so.
    fn back_off(&mut self) {
        let wait = self.record.not_before.map_or(Duration::ZERO, |then| {
            Duration::try_from(then.duration_since(Timestamp::now())).unwrap_or_default()
        });
        self.activity = Activity::Backoff(Instant::now() + wait);
    }

    pub(super) async fn boot_again(&mut self) {
        if let Err(error) = self.hold_capacity() {
            self.record.halt = None;
            self.record.add_event_because("launch_failed", "host", Some(error.message.clone()));
            self.say(format!("Machine not started: {}", error.message)).await;
            return self.settle(MachineState::Stopped, Step::Stopped).await;
        }
        self.begin_boot();
        self.record_at(Step::Start).await;
        self.boot_now();
    }

    fn hold_capacity(&mut self) -> Result<(), roost_host_api::ErrorBody> {
        if self.claim.is_some() { Ok(()) } else { self.reclaim() }
    }

    pub(super) async fn settle(&mut self, state: MachineState, step: Step) {
        self.claim = None;
        self.record.state = state;
        self.record.halt = None;
        self.record.updated_at = Timestamp::now();
        self.record.conclude_event();
        self.record_at(step).await;
    }

    async fn destroyed(&mut self) {
        let folder = place::folder(&self.ctx.config, &self.record.id);
        let removed = spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
        if let Ok(Err(error)) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            // Found again, and removed, at the next start of the host.
            tracing::warn!(machine = %self.record.id, %error, "folder of a destroyed machine not removed");
        }
        self.claim = None;
        self.record.state = MachineState::Destroyed;
        self.record.halt = None;
        self.record.add_event("destroy", "host", None);
        let (ctx, record) = (&self.ctx, &self.record);
        ctx.retry(&record.id, || ctx.store.bury(record)).await;
        ctx.retry(&record.id, || ctx.volumes.release(&record.id, &[])).await;
        self.show();
        self.say("Machine destroyed").await;
    }
}

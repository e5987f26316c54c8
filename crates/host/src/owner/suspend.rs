//! Suspend: the machine's memory is kept on disk while nothing of it runs.
//!
//! ```text
//!   started ── suspend ──► suspending: pause, save ──► release VMM and network ──► suspended
//!      ▲                        │  │
//!      ├── a start came ◄───────┘  └─ it failed ──► stopping, as the configuration says
//!      └──────────────────────── start: see resume.rs ◄──────────────────────────────┘
//! ```

use std::sync::Arc;

use jiff::Timestamp;
use roost_host_api::{Cause, ErrorBody, Machine, StopMachine};
use roost_model::MachineState;
use tokio::task::spawn_blocking;

use super::{
    Owner,
    activity::{Activity, Saving},
    boot::chain,
    release::{Left, release_vmm},
    stop::{default_halt, halt_of},
};
use crate::{
    checks::Checks,
    context::Context,
    job::Job,
    memory::{self, Room},
    record::{Record, Then},
    seams::Vm,
    step::Step,
};

impl Owner {
    /// Where a machine can not be suspended it is stopped, and the event says why.
    pub(super) async fn suspend(&mut self, cause: &Cause) -> Result<Arc<Machine>, ErrorBody> {
        self.check_lease(cause.lease_nonce.as_deref())?;
        match self.record.state {
            state if state.can_suspend() => match self.room_to_suspend() {
                Ok(room) => self.suspend_now(cause, room).await,
                Err(reason) => self.stop_instead(cause, reason).await,
            },
            MachineState::Suspending => self.commit(None, |record| record.then(Then::Stay)).await,
            MachineState::Suspended => Ok(self.show_unchanged()),
            _ => Err(self.wrong_state("suspended")),
        }
    }

    async fn suspend_now(&mut self, cause: &Cause, room: Room) -> Result<Arc<Machine>, ErrorBody> {
        let halt = halt_of(&self.record, &StopMachine::default(), Then::Stay);
        let shown = self
            .commit(Some(Step::Suspend), |record| {
                record.state = MachineState::Suspending;
                // For the case that it can not be kept after all.
                record.halt = Some(halt.unwrap_or_else(|_| default_halt(Then::Stay)));
                record.add_event_because("suspend", &cause.source, cause.reason.clone());
            })
            .await?;
        self.room = Some(room);
        match self.activity.take() {
            Activity::Running(running) => self.save_now(running.vm),
            other => self.activity = other,
        }
        Ok(shown)
    }

    async fn stop_instead(&mut self, cause: &Cause, reason: String) -> Result<Arc<Machine>, ErrorBody> {
        let cause = Cause { reason: Some(not_suspended(&reason)), ..cause.clone() };
        self.halt(&StopMachine { cause, ..StopMachine::default() }, Then::Stay, "stop").await
    }

    /// Disk for the machine's memory; or why the machine is none that can be suspended.
    fn room_to_suspend(&self) -> Result<Room, String> {
        let config = &self.record.spec.config;
        let settings = &self.ctx.config.settings;
        let memory_mib = u64::from(config.guest().map_err(|e| e.to_string())?.memory_mb);
        if config.init.swap_size_mb.is_some_and(|size| size > 0) {
            return Err("it has swap (init.swap_size_mb)".to_owned());
        }
        if config.schedule.is_some() {
            return Err("it runs on a schedule".to_owned());
        }
        if memory_mib > settings.suspend_memory_mib {
            let most = settings.suspend_memory_mib;
            return Err(format!(
                "it has {memory_mib} MiB of memory, and this host keeps up to {most} MiB ([host] suspend_memory_mib)"
            ));
        }
        if self.record.maker.is_none() {
            return Err("an older version of Roost started it".to_owned());
        }
        let disk = roost_vmm::Capacity::probe(&self.ctx.config.dir).map_err(|e| e.to_string())?;
        self.ctx.shelf.take(&self.record.id, memory_mib, disk.disk_mib).map_err(|e| e.to_string())
    }

    /// The line to the guest is closed already: what the guest says from now on, it says after the resume.
    pub(super) fn save_now(&mut self, vm: Arc<dyn Vm>) {
        self.checks.clear();
        let job = Job::spawn(save(self.ctx.clone(), self.record.clone(), vm.clone()));
        self.activity = Activity::Suspending(Saving { vm, job });
    }

    /// All of the machine is kept, or it can not be.
    pub(super) async fn saved(&mut self, saved: Result<(), String>) {
        let Activity::Suspending(Saving { vm, .. }) = self.activity.take() else { return };
        match saved {
            Ok(()) => self.kept(vm).await,
            Err(_) if self.is_needed_again() => self.run_on(vm).await,
            Err(reason) => self.stop_after_all(vm, reason).await,
        }
    }

    pub(super) async fn kept(&mut self, vm: Arc<dyn Vm>) {
        if self.is_needed_again() { self.run_on(vm).await } else { self.release_vmm_now() }
    }

    /// A start came since the suspend.
    fn is_needed_again(&self) -> bool {
        self.record.halt.as_ref().is_some_and(|halt| halt.then == Then::Start)
    }

    /// A start came while the VMM was still there.
    async fn run_on(&mut self, vm: Arc<dyn Vm>) {
        if let Err(reason) = self.unpause(&*vm).await {
            return self.lost(reason).await;
        }
        self.record.state = MachineState::Started;
        self.record.halt = None;
        self.record.started_at = Some(Timestamp::now());
        self.record.add_event("start", "host", None);
        self.checks = Checks::initial(&self.record);
        self.record_at(Step::Started).await;
        let running = self.line_to(vm);
        self.watch_over(running);
        self.say("Machine was needed before it was suspended, and runs on").await;
    }

    async fn stop_after_all(&mut self, vm: Arc<dyn Vm>, reason: String) {
        tracing::warn!(machine = %self.record.id, reason, "machine not suspended");
        if self.unpause(&*vm).await.is_err() {
            return self.lost(reason).await;
        }
        let reason = not_suspended(&reason);
        self.record.state = MachineState::Stopping;
        self.record.add_event_because("stop", "host", Some(reason.clone()));
        self.record_at(Step::Stop).await;
        self.say(format!("Machine is stopped instead of suspended: {reason}")).await;
        self.activity = Activity::Running(self.line_to(vm));
        self.end_what_runs().await;
    }

    /// First nothing is kept, then the guest runs: never the other way round.
    async fn unpause(&mut self, vm: &dyn Vm) -> Result<(), String> {
        drop_memory(&self.ctx, &self.record).await?;
        self.room = None;
        vm.go_on().await.map_err(|e| chain(&e))
    }

    pub(super) async fn lost(&mut self, reason: String) {
        self.record_unseen_exit(format!("the machine ended while it was being suspended: {reason}"), false)
            .await;
        self.release_now(Left::Unknown);
    }

    /// Its memory and its scratch disk stay.
    pub(super) fn release_vmm_now(&mut self) {
        let (ctx, record) = (self.ctx.clone(), self.record.clone());
        self.activity = Activity::Releasing(Job::spawn(async move { release_vmm(&ctx, &record).await }));
    }

    /// Nothing of the machine runs any more.
    pub(super) async fn suspended(&mut self) {
        let whole = memory::whole(&self.ctx.config, &self.record.id);
        let bytes = memory::size(&whole).unwrap_or(0);
        self.keep_room(bytes);
        self.record.kept_bytes = Some(bytes);
        self.record.started_at = None;
        if self.is_needed_again() {
            self.record.begin_resume();
            self.record_at(Step::Resume).await;
            return self.resume_now();
        }
        self.settle(MachineState::Suspended, Step::Suspended).await;
        self.say(format!("Machine is suspended; {} MiB of memory are kept", bytes >> 20)).await;
    }

    pub(super) fn keep_room(&mut self, bytes: u64) {
        match &self.room {
            Some(room) => room.shrink(bytes),
            None => self.room = Some(self.ctx.shelf.taken(&self.record.id, bytes)),
        }
    }
}

/// Pauses the guest and writes its memory. Both can be repeated.
async fn save(ctx: Arc<Context>, record: Record, vm: Arc<dyn Vm>) -> Result<(), String> {
    let guest = record.spec.config.guest().map_err(|e| e.to_string())?;
    let (unfinished, whole) =
        (memory::unfinished(&ctx.config, &record.id), memory::whole(&ctx.config, &record.id));
    ctx.record_step(&record.id, Step::PauseGuest).await;
    vm.pause().await.map_err(|e| chain(&e))?;
    ctx.record_step(&record.id, Step::SaveMemory).await;
    memory::make_empty(&unfinished).map_err(|e| format!("making its folder failed: {e}"))?;
    vm.save(&unfinished, guest.memory_mb).await.map_err(|e| chain(&e))?;
    std::fs::rename(&unfinished, &whole).map_err(|e| format!("keeping its memory failed: {e}"))
}

/// Removes what is kept of a machine's memory.
pub async fn drop_memory(ctx: &Arc<Context>, record: &Record) -> Result<(), String> {
    ctx.record_step(&record.id, Step::DropMemory).await;
    let (ctx, id) = (ctx.clone(), record.id.clone());
    let removed = spawn_blocking(move || memory::remove(&ctx.config, &id)).await;
    removed.unwrap_or_else(|panic| Err(panic.into())).map_err(|e| format!("removing its memory failed: {e}"))
}

fn not_suspended(reason: &str) -> String {
    format!("it can not be suspended: {reason}")
}

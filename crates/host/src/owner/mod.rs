//! The owner of one machine: the only task that changes it.
//!
//! ```text
//!  api ── Command ──►┌───────┐── record, then act ──► store
//!  boot ── Booted ──►│       │── show ──► hub (reads, wait, watch)
//!  line ── Exited ──►│ owner │
//!  vmm ── ended ────►│       │── Activity: booting │ running │ halting │
//!                                                         suspending │ releasing
//!  checks ──────────►└───────┘
//! ```
//!
//! Responsible for: taking a machine from state to state, each step recorded before it acts, and
//! going on from whatever an earlier process recorded. `state` and `halt` in the record say what is
//! wanted; [`Activity`] is what is being done about it right now and is never written down.
//!
//! Not responsible for: how a boot or a release is done (`boot`, `release`), when the policy starts
//! a machine again ([`crate::restart`]), what others see ([`crate::hub`]).

mod activity;
mod boot;
mod change;
mod command;
mod establish;
mod exit;
mod lease;
mod recover;
mod release;
mod resume;
mod schedule;
mod settle;
mod stop;
mod suspend;

use std::sync::Arc;

use roost_host_api::{ErrorBody, Machine};
use roost_model::{MachineState, service::CheckStatus};
use tokio::sync::mpsc;

use self::activity::{Activity, Happened};
pub use self::{
    boot::chain,
    change::with_nonce,
    command::{Command, Handle, Reply},
    lease::new_lease,
};
use crate::{
    capacity::Claim,
    context::Context,
    memory::Room,
    record::Record,
    step::Step,
    store::{StoreError, Survives},
};

/// Commands that wait for one machine: more callers than ever mean well.
const MAILBOX: usize = 64;

/// Where a machine comes from.
pub enum Origin {
    /// Recorded a moment ago, with the capacity that its first boot needs.
    Made(Option<Claim>),
    /// In the database when the host began.
    Found,
}

pub struct Owner {
    ctx: Arc<Context>,
    record: Record,
    checks: Vec<CheckStatus>,
    activity: Activity,
    claim: Option<Claim>,
    /// Disk for its memory.
    room: Option<Room>,
}

impl Owner {
    /// Starts the owner of a machine.
    pub fn spawn(ctx: Arc<Context>, record: Record, origin: Origin) -> Handle {
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        let handle = Handle::new(record.id.clone(), sender);
        let owner =
            Self { ctx, record, checks: Vec::new(), activity: Activity::Idle, claim: None, room: None };
        tokio::spawn(owner.run(origin, mailbox));
        handle
    }

    async fn run(mut self, origin: Origin, mut mailbox: mpsc::Receiver<Command>) {
        match origin {
            Origin::Made(claim) => self.begin(claim),
            Origin::Found => self.recover().await,
        }
        while self.record.state != MachineState::Destroyed {
            let until_scheduled = self.until_scheduled();
            tokio::select! {
                command = mailbox.recv() => match command {
                    Some(command) => self.handle(command).await,
                    // The host shuts down; the machine stays as it is.
                    None => return,
                },
                happened = self.activity.next() => self.proceed(happened).await,
                () = until_scheduled => self.start_scheduled().await,
            }
        }
    }

    /// Nothing exists yet but the record.
    fn begin(&mut self, claim: Option<Claim>) {
        self.claim = claim;
        match self.record.state {
            MachineState::Starting => self.boot_now(),
            MachineState::Created => self.prepare_now(),
            _ => {}
        }
    }

    async fn proceed(&mut self, happened: Happened) {
        match happened {
            Happened::Prepared(prepared) => self.prepared(prepared).await,
            Happened::BackoffOver => self.boot_again().await,
            Happened::Booted(booted) => self.booted(*booted).await,
            Happened::Connected(phase) => {
                tracing::debug!(machine = %self.record.id, ?phase, "guest connected")
            }
            Happened::Exited(report) => self.exited(&report).await,
            Happened::VmEnded(exit) => self.vm_ended(&exit).await,
            Happened::Saved(saved) => self.saved(saved).await,
            Happened::HaltOverdue => self.halt_overdue().await,
            Happened::Released => self.released().await,
            Happened::Checked(checks) => {
                self.checks = checks;
                self.show();
            }
        }
    }

    /// Shows the machine as it is now to everybody.
    fn show(&self) -> Arc<Machine> {
        self.ctx.hub.publish(self.ctx.view(&self.record, &self.checks))
    }

    /// Records what has happened, with the step that follows it, and shows it.
    async fn record_at(&mut self, step: Step) {
        self.record_as(step, Survives::PowerLoss).await;
    }

    async fn record_as(&mut self, step: Step, survives: Survives) {
        let (ctx, record) = (&self.ctx, &self.record);
        ctx.retry(&record.id, || ctx.store.save_at(record, step, survives)).await;
        self.show();
    }

    /// Records what a caller asked for. If it can not be recorded, nothing has changed.
    async fn commit(
        &mut self,
        step: Option<Step>,
        change: impl FnOnce(&mut Record),
    ) -> Result<Arc<Machine>, ErrorBody> {
        self.commit_as(step, Survives::PowerLoss, change).await
    }

    async fn commit_as(
        &mut self,
        step: Option<Step>,
        survives: Survives,
        change: impl FnOnce(&mut Record),
    ) -> Result<Arc<Machine>, ErrorBody> {
        let before = self.record.clone();
        change(&mut self.record);
        let saved: Result<(), StoreError> = match step {
            Some(step) => self.ctx.store.save_at(&self.record, step, survives).await,
            None => self.ctx.store.save(&self.record).await,
        };
        if let Err(error) = saved {
            self.record = before;
            return Err(error.into());
        }
        Ok(self.show())
    }

    /// A line in the machine's log.
    async fn say(&self, message: impl Into<String>) {
        self.ctx.logs.say(&self.record.app, &self.record.id, message.into()).await;
    }
}

//! Start, stop, restart and signal: what callers ask for, from each state.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use roost_host_api::{Cause, ErrorBody, ErrorCode, Machine, SignalMachine, StopMachine};
use roost_model::MachineState;
use roost_vmm::Maker;
use tokio::time::Instant;

use super::{
    Owner,
    activity::{Activity, Boot, Running},
    boot::boot,
    release::{Left, release},
};
use crate::{
    capacity::NoCapacity,
    context::refuse,
    job::Job,
    record::{Halt, Record, Then},
    signal,
    step::Step,
    store::Survives,
};

/// What the Machines API says when the configuration does not.
const DEFAULT_SIGNAL: &str = "SIGINT";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TIMEOUT: Duration = Duration::from_secs(300);

/// On top of a machine's own timeout: the guest kills its processes, flushes and reports.
const HALT_MARGIN: Duration = Duration::from_secs(10);

/// The proxy wakes and idles machines on behalf of everybody.
const PROXY: &str = "proxy";

impl Owner {
    pub(super) async fn start(&mut self, cause: &Cause) -> Result<Arc<Machine>, ErrorBody> {
        // A lease keeps others from changing the machine; a request that wakes it changes nothing.
        if cause.source != PROXY {
            self.check_lease(cause.lease_nonce.as_deref())?;
        }
        match self.record.state {
            MachineState::Suspended => self.resume_by(cause).await,
            MachineState::Suspending => {
                self.commit(None, |record| {
                    record.then(Then::Start);
                    record.add_event_because("start", &cause.source, cause.reason.clone());
                })
                .await
            }
            state if state.can_start() => self.start_now(cause).await,
            MachineState::Started | MachineState::Starting => Ok(self.show_unchanged()),
            MachineState::Stopping | MachineState::Replacing if self.ends_for_good() => {
                Err(self.wrong_state("started: it is about to be destroyed"))
            }
            MachineState::Stopping | MachineState::Replacing => {
                self.reclaim()?;
                self.commit(None, |record| record.then(Then::Start)).await
            }
            MachineState::Failed => {
                Err(self.wrong_state("started; update it, or destroy it and make another"))
            }
            _ => Err(self.wrong_state("started")),
        }
    }

    pub(super) async fn stop(&mut self, stop: &StopMachine) -> Result<Arc<Machine>, ErrorBody> {
        self.check_lease(stop.cause.lease_nonce.as_deref())?;
        match self.record.state {
            MachineState::Started
            | MachineState::Starting
            | MachineState::Suspending
            | MachineState::Suspended => self.halt(stop, Then::Stay, "stop").await,
            MachineState::Stopping | MachineState::Replacing if self.ends_for_good() => {
                Ok(self.show_unchanged())
            }
            MachineState::Stopping | MachineState::Replacing => {
                self.commit(None, |record| record.then(Then::Stay)).await
            }
            state if state.is_gone() => Err(self.wrong_state("stopped")),
            _ => Ok(self.show_unchanged()),
        }
    }

    pub(super) async fn restart(&mut self, stop: &StopMachine) -> Result<Arc<Machine>, ErrorBody> {
        self.check_lease(stop.cause.lease_nonce.as_deref())?;
        match self.record.state {
            MachineState::Started | MachineState::Suspending | MachineState::Suspended => {
                self.halt(stop, Then::Start, "restart").await
            }
            _ => self.start(&stop.cause).await,
        }
    }

    pub(super) async fn signal(&mut self, signal: &SignalMachine) -> Result<(), ErrorBody> {
        self.check_lease(signal.cause.lease_nonce.as_deref())?;
        let number = parse_signal(&signal.signal)?;
        let client = self.activity.running().and_then(|running| running.line.client());
        let client = client.ok_or_else(|| self.wrong_state("signalled"))?;
        let unavailable = |error: roost_guest_api::GuestError| {
            refuse(ErrorCode::GuestUnavailable, format!("the machine does not answer: {error}"))
        };
        client.signal(number).await.map_err(unavailable)
    }

    async fn resume_by(&mut self, cause: &Cause) -> Result<Arc<Machine>, ErrorBody> {
        self.reclaim()?;
        let shown = self
            .commit(Some(Step::Resume), |record| {
                record.begin_resume();
                record.add_event_because("start", &cause.source, cause.reason.clone());
            })
            .await;
        match &shown {
            Ok(_) => self.resume_now(),
            Err(_) => self.claim = None,
        }
        shown
    }

    async fn start_now(&mut self, cause: &Cause) -> Result<Arc<Machine>, ErrorBody> {
        self.reclaim()?;
        let maker = self.ctx.maker();
        let survives = if cause.source == PROXY { Survives::Crash } else { Survives::PowerLoss };
        let shown = self
            .commit_as(Some(Step::Start), survives, |record| {
                record.begin_boot(maker);
                record.restarts.clear();
                record.failed_boots = 0;
                record.add_event_because("start", &cause.source, cause.reason.clone());
            })
            .await;
        match shown {
            Ok(shown) => {
                self.boot_now();
                Ok(shown)
            }
            Err(error) => {
                self.claim = None;
                Err(error)
            }
        }
    }

    /// The next boot, to be recorded.
    pub(super) fn begin_boot(&mut self) {
        self.record.begin_boot(self.ctx.maker());
    }

    /// Starts the boot that was recorded.
    pub(super) fn boot_now(&mut self) {
        let (ctx, record) = (self.ctx.clone(), self.record.clone());
        self.activity = Activity::Booting(Boot::begin(|cancel| boot(ctx, record, cancel)));
    }

    /// Records that what runs is to end, and begins with it.
    pub(super) async fn halt(
        &mut self,
        stop: &StopMachine,
        then: Then,
        event: &str,
    ) -> Result<Arc<Machine>, ErrorBody> {
        let halt = halt_of(&self.record, stop, then)?;
        let shown = self
            .commit(Some(Step::Stop), |record| {
                record.state = MachineState::Stopping;
                record.not_before = None;
                record.kept_bytes = None;
                record.halt = Some(halt);
                record.add_event_because(event, &stop.cause.source, stop.cause.reason.clone());
            })
            .await?;
        self.end_what_runs().await;
        Ok(shown)
    }

    /// Ends what runs as the recorded halt says; without a guest that could be told, at once.
    pub(super) async fn end_what_runs(&mut self) {
        match self.activity.take() {
            Activity::Running(running) | Activity::Halting(running, _) => self.tell_to_stop(running).await,
            Activity::Releasing(job) => self.activity = Activity::Releasing(job),
            Activity::Booting(boot) => self.release_now(Left::Boot(boot)),
            // A paused guest could not be told: as with one that is suspended, nobody waits for it.
            Activity::Suspending(_) | Activity::Idle | Activity::Preparing(_) | Activity::Backoff(_) => {
                self.release_now(Left::Unknown)
            }
        }
    }

    async fn tell_to_stop(&mut self, mut running: Running) {
        let halt = self.record.halt.clone().unwrap_or_else(|| default_halt(Then::Stay));
        self.ctx.record_step(&self.record.id, Step::StopGuest).await;
        let timeout = Duration::from_millis(halt.timeout_ms);
        running.line.stop(halt.signal, timeout);
        running.checks = None;
        self.checks.clear();
        self.activity = Activity::Halting(running, Instant::now() + timeout + HALT_MARGIN);
    }

    pub(super) fn release_now(&mut self, left: Left) {
        let work = release(self.ctx.clone(), self.record.clone(), left);
        self.activity = Activity::Releasing(Job::spawn(work));
    }

    /// The guest did not end in time.
    pub(super) async fn halt_overdue(&mut self) {
        drop(self.activity.take());
        self.say("The machine did not stop in time and was killed").await;
        self.record_unseen_exit("it did not stop in time and was killed".to_owned(), true).await;
        self.release_now(Left::Unknown);
    }

    /// Sees to it that the machine holds what its present size needs.
    pub(super) fn reclaim(&mut self) -> Result<(), ErrorBody> {
        let guest = self.record.spec.config.guest();
        let guest = guest.map_err(|e| refuse(ErrorCode::InvalidRequest, e.to_string()))?;
        self.claim = Some(self.ctx.ledger.claim(&self.record.id, &guest, None)?);
        Ok(())
    }

    pub(super) fn show_unchanged(&self) -> Arc<Machine> {
        let shown = self.ctx.hub.get(&self.record.id);
        shown.unwrap_or_else(|| self.show())
    }

    fn ends_for_good(&self) -> bool {
        self.record.halt.as_ref().is_some_and(|halt| halt.then == Then::Destroy)
    }
}

impl Record {
    /// The next boot begins now, by what makes machines now.
    pub fn begin_boot(&mut self, maker: Maker) {
        self.maker = Some(maker);
        self.kept_bytes = None;
        self.state = MachineState::Starting;
        self.boot += 1;
        self.halt = None;
        self.not_before = None;
        self.started_at = None;
        self.updated_at = Timestamp::now();
        self.boot_began = Some(self.updated_at);
    }

    /// The present boot goes on from its kept memory.
    pub fn begin_resume(&mut self) {
        self.state = MachineState::Starting;
        self.halt = None;
        self.not_before = None;
        self.updated_at = Timestamp::now();
        self.boot_began = Some(self.updated_at);
    }

    pub fn then(&mut self, then: Then) {
        if let Some(halt) = &mut self.halt {
            halt.then = then;
        }
    }
}

/// How a machine of this configuration is stopped; `stop` says otherwise where it says anything.
pub fn halt_of(record: &Record, stop: &StopMachine, then: Then) -> Result<Halt, ErrorBody> {
    let config = record.spec.config.stop_config.clone().unwrap_or_default();
    let name = stop.signal.as_deref().or(config.signal.as_deref()).unwrap_or(DEFAULT_SIGNAL);
    let timeout = stop.timeout.or(config.timeout).map_or(DEFAULT_TIMEOUT, |timeout| timeout.0);
    let timeout_ms = timeout.min(MAX_TIMEOUT).as_millis() as u64;
    Ok(Halt { signal: parse_signal(name)?, timeout_ms, then })
}

pub fn default_halt(then: Then) -> Halt {
    Halt { signal: libc::SIGINT, timeout_ms: DEFAULT_TIMEOUT.as_millis() as u64, then }
}

fn parse_signal(name: &str) -> Result<i32, ErrorBody> {
    signal::number(name).map_err(|e| refuse(ErrorCode::InvalidRequest, e.to_string()))
}

impl From<NoCapacity> for ErrorBody {
    fn from(error: NoCapacity) -> Self {
        refuse(ErrorCode::NoCapacity, error.to_string())
    }
}

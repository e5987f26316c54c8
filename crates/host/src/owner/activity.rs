//! What an owner is doing right now.

use std::sync::Arc;

use roost_guest_api::{ExitReport, Phase};
use roost_model::service::CheckStatus;
use roost_vmm::VmExit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::boot::BootError;
use crate::{
    checks::Checks,
    guest::{Line, LineEvent},
    job::Job,
    seams::Vm,
};

pub enum Activity {
    Idle,
    /// The image of a machine that is not to be started is being made ready.
    Preparing(Job<Result<(), BootError>>),
    /// The restart policy waits.
    Backoff(Instant),
    Booting(Boot),
    Running(Running),
    /// The guest was told to stop.
    Halting(Running, Instant),
    /// The guest is paused and its memory written.
    Suspending(Saving),
    /// What is left of a boot is being removed.
    Releasing(Job<()>),
}

/// A VMM with a guest that runs.
pub struct Running {
    pub vm: Arc<dyn Vm>,
    pub line: Line,
    /// None while halting: a machine that is told to end is not asked how it is.
    pub checks: Option<Checks>,
}

/// A VMM whose guest is being kept.
pub struct Saving {
    pub vm: Arc<dyn Vm>,
    pub job: Job<Result<(), String>>,
}

/// A boot under way. It is cancelled between its steps, never within one: a step that is given up half
/// done could go on behind the back of the release that follows.
pub struct Boot {
    job: Job<Result<Running, BootError>>,
    cancel: CancellationToken,
}

impl Boot {
    pub fn begin<F>(work: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = Result<Running, BootError>> + Send + 'static,
    {
        let cancel = CancellationToken::new();
        Self { job: Job::spawn(work(cancel.clone())), cancel }
    }

    async fn end(&mut self) -> Result<Running, BootError> {
        self.job.end().await.unwrap_or_else(|error| Err(BootError::Panicked(error.to_string())))
    }

    /// Ends after the step that is under way.
    pub async fn cancel(mut self) {
        self.cancel.cancel();
        let _ = self.end().await;
    }
}

pub enum Happened {
    Prepared(Result<(), BootError>),
    BackoffOver,
    Booted(Box<Result<Running, BootError>>),
    Connected(Phase),
    Exited(ExitReport),
    VmEnded(VmExit),
    HaltOverdue,
    Saved(Result<(), String>),
    Released,
    Checked(Vec<CheckStatus>),
}

impl Activity {
    /// The next thing that comes of it. May be given up and asked again.
    pub async fn next(&mut self) -> Happened {
        match self {
            Self::Idle => std::future::pending().await,
            Self::Preparing(job) => Happened::Prepared(
                job.end().await.unwrap_or_else(|error| Err(BootError::Panicked(error.to_string()))),
            ),
            Self::Backoff(until) => {
                tokio::time::sleep_until(*until).await;
                Happened::BackoffOver
            }
            Self::Booting(boot) => Happened::Booted(Box::new(boot.end().await)),
            Self::Running(running) => running.next().await,
            Self::Halting(running, deadline) => tokio::select! {
                happened = running.next() => happened,
                () = tokio::time::sleep_until(*deadline) => Happened::HaltOverdue,
            },
            Self::Suspending(saving) => {
                let saved = saving.job.end().await;
                Happened::Saved(saved.unwrap_or_else(|panic| Err(panic.to_string())))
            }
            Self::Releasing(job) => {
                if let Err(error) = job.end().await {
                    tracing::error!(%error, "releasing a machine panicked");
                }
                Happened::Released
            }
        }
    }

    /// The machine's guest, if one runs.
    pub fn running(&self) -> Option<&Running> {
        match self {
            Self::Running(running) | Self::Halting(running, _) => Some(running),
            _ => None,
        }
    }

    /// Gives up whatever was being done; what runs, runs on.
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Idle)
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}

impl Running {
    async fn next(&mut self) -> Happened {
        loop {
            tokio::select! {
                // What the guest said before it ended comes first.
                biased;
                event = self.line.next() => match event {
                    LineEvent::Connected(phase) => return Happened::Connected(phase),
                    LineEvent::Exited(report) => return Happened::Exited(report),
                    LineEvent::Started => {}
                    // Said only before `Started`, which has been heard.
                    LineEvent::SetupFailed(_) => {}
                },
                checks = next_checks(&mut self.checks) => return Happened::Checked(checks),
                exit = self.vm.wait_exit() => return Happened::VmEnded(exit),
            }
        }
    }
}

async fn next_checks(checks: &mut Option<Checks>) -> Vec<CheckStatus> {
    match checks {
        Some(checks) => checks.next().await,
        None => std::future::pending().await,
    }
}

//! From a VMM that runs to a guest whose processes run: after a spawn, and after a restart of the host.

use std::sync::Arc;

use roost_guest_api::Phase;
use roost_vmm::VmExit;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{activity::Running, boot::BootError};
use crate::{
    context::Context,
    guest::{Identity, Line, LineEvent},
    place,
    record::Record,
    run_config::{Location, Secrets, fresh_entropy, run_config},
    seams::Vm,
    step::Step,
};

/// Lines of a console that go into an error.
const CONSOLE_LINES: usize = 12;

pub async fn establish(
    ctx: Arc<Context>,
    record: Record,
    vm: Arc<dyn Vm>,
    deadline: Instant,
    cancel: CancellationToken,
) -> Result<Running, BootError> {
    ctx.record_step(&record.id, Step::ConnectGuest).await;
    let who = Identity { app: record.app.clone(), machine: record.id.clone(), boot: record.boot };
    let mut line = Line::open(ctx.clone(), vm.clone(), who);
    loop {
        let event = tokio::select! {
            event = line.next() => event,
            () = cancel.cancelled() => return Err(BootError::Cancelled),
            exit = vm.wait_exit() => return Err(ended(&exit, &*vm).await),
            () = sleep_until(deadline) => return Err(overdue(&ctx, &*vm).await),
        };
        match event {
            LineEvent::Connected(Phase::Unconfigured) => configure(&ctx, &record, &line).await?,
            LineEvent::Started | LineEvent::Connected(Phase::Running) => {
                if record.kept_bytes.is_some() {
                    tell_of_resume(&line).await;
                }
                return Ok(Running { vm, line, checks: None });
            }
            // Its report is on the way.
            LineEvent::Connected(Phase::Exited) => {}
            LineEvent::SetupFailed(reason) => return Err(BootError::Setup(reason)),
            LineEvent::Exited(report) => {
                return Err(BootError::Exited(report, Box::new(Running { vm, line, checks: None })));
            }
        }
    }
}

async fn configure(ctx: &Context, record: &Record, line: &Line) -> Result<(), BootError> {
    ctx.record_step(&record.id, Step::ConfigureGuest).await;
    let image = match ctx.parts.images.get(record.spec.image.digest.as_deref().unwrap_or_default()) {
        Some(image) => image,
        None => ctx.parts.images.ensure(&record.spec.image).await?,
    };
    let secrets = match &record.spec.sealed_secrets {
        Some(sealed) => ctx.sealing_key.unseal(sealed)?,
        None => Secrets::new(),
    };
    let location = Location {
        mac: place::net(&ctx.config, record).mac(),
        address: place::address(&ctx.config, record),
        ipv4: place::ipv4(&ctx.config, record),
        mtu: ctx.config.network.mtu,
    };
    let guest = record.spec.config.guest()?;
    let config = run_config(record, &image.config, &guest, &secrets, location)?;
    if let Some(client) = line.client()
        && let Err(error) = client.configure(config).await
    {
        // The line connects anew and says again that the guest waits for this.
        tracing::debug!(machine = %record.id, %error, "guest not configured");
    }
    Ok(())
}

/// The guest's clock stood still, and its random numbers were on a disk.
async fn tell_of_resume(line: &Line) {
    let Some(client) = line.client() else { return };
    let unix_ns = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
    if let Err(error) = client.resumed(unix_ns, fresh_entropy()).await {
        // The next connection corrects the clock; that is all that is lost.
        tracing::warn!(%error, "a resumed guest was not told the time");
    }
}

async fn ended(exit: &VmExit, vm: &dyn Vm) -> BootError {
    BootError::VmEnded { how: describe(exit), console: console(vm).await }
}

async fn overdue(ctx: &Context, vm: &dyn Vm) -> BootError {
    BootError::Overdue { secs: ctx.config.vmm.boot_timeout_secs, console: console(vm).await }
}

pub fn describe(exit: &VmExit) -> String {
    use roost_vmm::ExitCause;
    let how = match exit.cause {
        ExitCause::PoweredOff => "the guest powered off".to_owned(),
        ExitCause::Reset => "the guest's kernel panicked or rebooted".to_owned(),
        ExitCause::Killed => "it was killed".to_owned(),
        ExitCause::OutOfMemory => "it grew past its memory limit".to_owned(),
        ExitCause::Failed { status } => format!("it failed with status {status}"),
        ExitCause::Unknown => "nobody saw how".to_owned(),
    };
    if exit.output.is_empty() { how } else { format!("{how}: {}", exit.output.trim_end()) }
}

/// The last lines of the console.
pub async fn console(vm: &dyn Vm) -> String {
    let tail = vm.console_tail().await;
    let lines: Vec<&str> = tail.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(CONSOLE_LINES)..].join("\n")
}

//! The gates of a deploy: is the machine started, is it healthy? Both fail at once when its process
//! ends, without waiting for the time to be over.

use std::time::Duration;

use jiff::Timestamp;
use roost_api_types::FailureCode;
use roost_host_api::{ErrorCode as HostCode, Machine};
use roost_model::{ExitEvent, MachineId, MachineState, service::CheckResult};
use tokio::time::Instant;

use super::{
    failure::{Stop, failure, of_exit, of_failed, of_host},
    listening::Listening,
    step,
    work::Work,
};

/// Between two looks at a machine's events while it is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// Between two looks at its health.
const HEALTH_POLL: Duration = Duration::from_millis(200);

/// A machine with nothing that could be asked must run this long to count as healthy.
const SMOKE: Duration = Duration::from_secs(5);

/// What a look at a machine says.
enum Life {
    Going(Box<Machine>),
    /// It ended as it should: its work is done, or somebody put it to sleep.
    Ended,
}

/// Returns when the machine's processes run.
pub async fn started(work: &Work, id: &MachineId) -> Result<(), Stop> {
    let deadline = Instant::now() + work.wait;
    while Instant::now() < deadline {
        match work.call(|| work.host.wait(id, MachineState::Started, None, LOOK)).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Some(HostCode::Timeout) => {}
            // What became of the machine says more than that it will not be started.
            Err(error) => match look(work, id).await? {
                Life::Ended => return Ok(()),
                Life::Going(_) => return Err(of_host(id, "started", &error).into()),
            },
        }
        if let Life::Ended = look(work, id).await? {
            return Ok(());
        }
    }
    let message = format!("machine {id} was not started within {} s", work.wait.as_secs());
    Err(failure(FailureCode::StartTimeout, id, message).into())
}

/// Returns when every check passes; without checks, when it listens where its services say; without
/// services, when it has run for a while.
pub async fn healthy(work: &Work, id: &MachineId) -> Result<(), Stop> {
    let deadline = Instant::now() + work.wait;
    let mut listening = Listening::default();
    while Instant::now() < deadline {
        let Life::Going(machine) = look(work, id).await? else { return Ok(()) };
        if machine.state == MachineState::Started {
            let ready = if !machine.checks.is_empty() {
                machine.checks_pass() && warn_if_elsewhere(work, &machine, &listening).await?
            } else if !machine.config.services.is_empty() {
                listening.look(work, &machine).await?
            } else {
                has_run(&machine, SMOKE)
            };
            if ready {
                return Ok(());
            }
        }
        tokio::time::sleep(HEALTH_POLL).await;
    }
    let machine = step::machine(work, id, "asked for its health").await?;
    let elsewhere = listening.explain(work, &machine).await;
    let seen: Vec<String> = machine.checks.iter().filter_map(shown).chain(elsewhere).collect();
    let message = format!(
        "machine {id} did not become healthy within {} s: {}",
        work.wait.as_secs(),
        if seen.is_empty() { format!("it is {}", machine.state) } else { seen.join("; ") }
    );
    Err(failure(FailureCode::Unhealthy, id, message).into())
}

/// Checks may pass on a port that no service uses: worth saying, nothing to fail for.
async fn warn_if_elsewhere(work: &Work, machine: &Machine, listening: &Listening) -> Result<bool, Stop> {
    if let Some(warning) = listening.explain(work, machine).await {
        work.journal.warn(warning).await?;
    }
    Ok(true)
}

fn shown(check: &roost_model::service::CheckStatus) -> Option<String> {
    let failing = check.status != CheckResult::Passing;
    failing.then(|| format!("check {} is {:?} ({})", check.name, check.status, check.output.trim()))
}

fn has_run(machine: &Machine, least: Duration) -> bool {
    let Some(started_at) = machine.started_at else { return false };
    Timestamp::now().duration_since(started_at).unsigned_abs() >= least
}

/// # Errors
/// The machine failed, is gone, or its process ended in a way that it should not.
async fn look(work: &Work, id: &MachineId) -> Result<Life, Stop> {
    let machine = step::machine(work, id, "looked at").await?;
    if machine.state == MachineState::Failed {
        return Err(of_failed(&machine).into());
    }
    if let Some((exit, reason)) = last_exit(&machine, work.journal.began) {
        let work_is_done = exit.exit_code == 0 && !exit.oom_killed && machine.config.services.is_empty();
        if !work_is_done {
            return Err(of_exit(&machine, exit, reason).into());
        }
        return Ok(Life::Ended);
    }
    match machine.state {
        MachineState::Suspended => Ok(Life::Ended),
        MachineState::Stopped => match boot_failure(&machine) {
            Some(reason) => {
                let message = format!("machine {id} could not be started: {reason}");
                Err(failure(FailureCode::MachineFailed, id, message).into())
            }
            None => Ok(Life::Ended),
        },
        _ => Ok(Life::Going(Box::new(machine))),
    }
}

/// The newest end of the process that nobody asked for, since the machine got its configuration and the
/// deploy began: what a machine that stays as it is went through before says nothing about the deploy.
fn last_exit(machine: &Machine, began: Timestamp) -> Option<(&ExitEvent, Option<&str>)> {
    let current =
        machine.events.iter().take_while(|event| !matches!(event.kind.as_str(), "launch" | "update"));
    current
        .filter(|event| event.timestamp >= began.as_millisecond())
        .filter_map(|event| {
            let request = event.request.as_ref()?;
            Some((request.exit_event.as_ref()?, request.reason.as_deref()))
        })
        .find(|(exit, _)| !exit.requested_stop)
}

/// Why a machine that does not run did not come up: the reason of its newest event, unless that is
/// a stop somebody asked for.
fn boot_failure(machine: &Machine) -> Option<&str> {
    let newest = machine.events.first()?;
    let request = newest.request.as_ref()?;
    let asked_for =
        newest.kind == "stop" || request.exit_event.as_ref().is_some_and(|exit| exit.requested_stop);
    if asked_for { None } else { request.reason.as_deref() }
}

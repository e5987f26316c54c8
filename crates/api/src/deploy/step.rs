//! Carrying out one step. Each may have been carried out before, in part or in full.

use std::time::Duration;

use roost_api_types::FailureCode;
use roost_host_api::{
    Cause, CreateMachine, DestroyMachine, ErrorCode as HostCode, HostError, Machine, StopMachine,
    UpdateMachine,
};
use roost_model::{MachineId, MachineState};
use roost_planner::{Launch, Step};
use tokio::time::Instant;

use super::{
    desired::release_of,
    failure::{Stop, failure, of_host},
    gates,
    work::Work,
};
use crate::machines;

/// Who the machines' events say it was.
const SOURCE: &str = "deploy";

/// Longest wait for requests in flight to end; open connections may never.
const DRAIN: Duration = Duration::from_secs(30);

/// How long the edge may take to hear of a cordon.
const CORDON_SEEN: Duration = Duration::from_secs(2);

const DRAIN_POLL: Duration = Duration::from_millis(100);

/// A stop may take as long as the machine's own timeout, at most 300 s, before it is killed.
const STOP_WAIT: Duration = Duration::from_secs(330);

/// Removing what a machine leaves is a matter of seconds.
const DESTROY_WAIT: Duration = Duration::from_secs(60);

pub async fn perform(work: &Work, group: &str, step: &Step) -> Result<(), Stop> {
    let cause = cause();
    match step {
        Step::CreateMachine { machine, launch, cordoned, .. } => {
            create(work, group, machine, *launch, *cordoned).await
        }
        Step::UpdateMachine { machine, launch, .. } => update(work, group, machine, *launch).await,
        Step::StartMachine { machine } => start(work, machine).await,
        Step::WaitStarted { machine } => gates::started(work, machine).await,
        Step::WaitHealthy { machine } => gates::healthy(work, machine).await,
        Step::Uncordon { machine } => {
            let done = work.call(|| work.host.uncordon(machine, &cause)).await;
            done.map(drop).map_err(|e| of_host(machine, "uncordoned", &e).into())
        }
        Step::Cordon { machine } => {
            let done = work.call(|| work.host.cordon(machine, &cause)).await;
            unless_gone(machine, "cordoned", done)
        }
        Step::Drain { machine } => {
            drain(work, machine).await;
            Ok(())
        }
        Step::DestroyMachine { machine } => destroy(work, machine).await,
    }
}

/// The id was recorded with the plan, and the host knows it: a second call gives the same machine.
async fn create(
    work: &Work,
    group: &str,
    id: &MachineId,
    launch: Launch,
    cordoned: bool,
) -> Result<(), Stop> {
    let request = CreateMachine {
        id: id.clone(),
        name: machines::name_for(id),
        app: work.app.name.clone(),
        network: work.app.network,
        region: work.host_info.region.clone(),
        spec: work.spec(group),
        reservation: None,
        skip_launch: launch == Launch::Keep,
        cordoned,
        lease: None,
        volume_keep: work.volume_keep(group),
        source: SOURCE.to_owned(),
    };
    let created = work.call(|| work.host.create(&request)).await;
    created.map(drop).map_err(|e| of_host(id, "created", &e).into())
}

async fn update(work: &Work, group: &str, id: &MachineId, launch: Launch) -> Result<(), Stop> {
    let before = machine(work, id, "updated").await?;
    if release_of(&before) == Some(work.release.version) {
        return Ok(());
    }
    let mut spec = work.spec(group);
    // What people noted on the machine stays; what the release says wins.
    for (key, value) in before.config.metadata {
        spec.config.metadata.entry(key).or_insert(value);
    }
    let request = UpdateMachine {
        spec,
        name: None,
        current_version: None,
        skip_launch: launch == Launch::Keep && before.state.can_start(),
        lease_nonce: None,
        lease: None,
        source: SOURCE.to_owned(),
    };
    let updated = work.call(|| work.host.update(id, &request)).await;
    updated.map(drop).map_err(|e| of_host(id, "updated", &e).into())
}

async fn start(work: &Work, id: &MachineId) -> Result<(), Stop> {
    let cause = cause();
    match work.call(|| work.host.start(id, &cause)).await {
        Ok(_) => Ok(()),
        // It runs already; if it does something else, the wait that follows says what.
        Err(error) if error.code() == Some(HostCode::WrongState) => Ok(()),
        Err(error) => Err(of_host(id, "started", &error).into()),
    }
}

/// Waits until the edge of this box has no request in flight to the machine, twice in a row: one may
/// have chosen the machine just before it was cordoned.
async fn drain(work: &Work, id: &MachineId) {
    let began = Instant::now();
    let mut idle = 0;
    while idle < 2 && began.elapsed() < DRAIN {
        tokio::time::sleep(DRAIN_POLL).await;
        idle = if is_idle(work, id, began.elapsed()).await { idle + 1 } else { 0 };
    }
}

async fn is_idle(work: &Work, id: &MachineId, waited: Duration) -> bool {
    let edge = &work.api.edge;
    match edge.load(&work.app.name, id).await {
        // Requests end by themselves, WebSockets need not; their clients come back to another machine.
        Ok(load) if load.cordoned && load.in_flight > 0 => {
            let _ = edge.drain(&work.app.name, id).await;
            false
        }
        Ok(load) => (load.cordoned || waited > CORDON_SEEN) && load.in_flight == 0,
        // No edge runs here, so none has a request in flight.
        Err(HostError::Unreachable { .. }) => true,
        Err(_) => false,
    }
}

/// Stops it in order, then removes it.
async fn destroy(work: &Work, id: &MachineId) -> Result<(), Stop> {
    let stop = StopMachine { cause: cause(), ..StopMachine::default() };
    let stopped = work.call(|| work.host.stop(id, &stop)).await;
    match &stopped {
        Ok(_) => {
            let wait = || work.host.wait(id, MachineState::Stopped, None, STOP_WAIT);
            // One that will not stop in its time is killed by the destroy.
            let _ = work.call(wait).await;
        }
        Err(error) if error.code() == Some(HostCode::WrongState) => {}
        Err(error) if error.code() == Some(HostCode::MachineNotFound) => return Ok(()),
        Err(error) => return Err(of_host(id, "stopped", error).into()),
    }
    let request = DestroyMachine { force: true, source: SOURCE.to_owned(), lease_nonce: None };
    unless_gone(id, "destroyed", work.call(|| work.host.destroy(id, &request)).await)?;
    let gone = work.call(|| work.host.wait(id, MachineState::Destroyed, None, DESTROY_WAIT)).await;
    unless_gone(id, "destroyed", gone)
}

pub async fn machine(work: &Work, id: &MachineId, what: &str) -> Result<Machine, Stop> {
    let machine = work.call(|| work.host.machine(id)).await.map_err(|e| of_host(id, what, &e))?;
    if machine.state.is_gone() {
        let message = format!("machine {id} was destroyed while the deploy was working on it");
        return Err(failure(FailureCode::MachineGone, id, message).into());
    }
    Ok(machine)
}

/// For steps whose aim is reached when the machine is not there any more.
fn unless_gone(id: &MachineId, what: &str, result: Result<Machine, HostError>) -> Result<(), Stop> {
    match result {
        Err(error) if error.code() != Some(HostCode::MachineNotFound) => {
            Err(of_host(id, what, &error).into())
        }
        _ => Ok(()),
    }
}

fn cause() -> Cause {
    Cause { source: SOURCE.to_owned(), ..Cause::default() }
}

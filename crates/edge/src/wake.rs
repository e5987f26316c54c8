//! Step 3, when no machine runs: start one through its host, once for all who wait.
//!
//! ```text
//!  request ─┐
//!  request ─┼─► running: one task per machine ──start──► host
//!  request ─┘        │  watches the catalog until the machine runs, ends, or time is up
//!                    └─► the result, to all of them; a failure also to those who come right after
//! ```

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use jiff::Timestamp;
use roost_catalog::{MachineEntry, Snapshot};
use roost_host_api::{Cause, ErrorCode, HostError, Machine};
use roost_model::{AppName, ExitEvent, MachineId, MachineState};
use roost_routing::Target;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{debug, info, warn};

use crate::{
    context::Edge,
    failure::{Code, Failure},
    limits::{RECHECK, WAKE_COOLDOWN},
};

type Wake = Shared<BoxFuture<'static, Result<(), Failure>>>;

/// Wakes in progress, and those that failed a moment ago.
#[derive(Default)]
pub(crate) struct Wakes {
    running: Mutex<HashMap<MachineId, Wake>>,
}

/// Starts the machine unless somebody else is doing so, and returns when it runs.
///
/// The wake goes on when the caller gives up: others may wait for it, and the next request will.
pub(crate) async fn wake(edge: &Arc<Edge>, app: &AppName, target: &Target) -> Result<(), Failure> {
    begin(edge, app, target).await
}

/// As [`wake`], but only begins.
pub(crate) fn begin(edge: &Arc<Edge>, app: &AppName, target: &Target) -> Wake {
    let mut running = edge.wakes.running.lock().unwrap_or_else(PoisonError::into_inner);
    let fresh = || {
        let task = edge.tasks.spawn(run(edge.clone(), app.clone(), target.id.clone()));
        let lost = |_| Err(Failure::new(Code::WakeFailed, "The edge was stopped meanwhile."));
        task.map(move |result| result.unwrap_or_else(lost)).boxed().shared()
    };
    running.entry(target.id.clone()).or_insert_with(fresh).clone()
}

async fn run(edge: Arc<Edge>, app: AppName, id: MachineId) -> Result<(), Failure> {
    let result = start(&edge, &app, &id, edge.config.patience).await;
    if let Err(failure) = &result {
        warn!(%app, machine = %id, code = failure.code.as_str(), detail = failure.detail, "wake failed");
        edge.app_log.tell(&app, Some(&id), format!("was woken by a request: {failure}"));
        let edge = edge.clone();
        // Not awaited: the reason is for those who wait now, the pause for those who come next.
        tokio::spawn(async move {
            sleep(WAKE_COOLDOWN).await;
            edge.wakes.forget(&id);
        });
    } else {
        edge.wakes.forget(&id);
    }
    result
}

impl Wakes {
    fn forget(&self, id: &MachineId) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

async fn start(edge: &Edge, app: &AppName, id: &MachineId, limit: Duration) -> Result<(), Failure> {
    info!(%app, machine = %id, "waking machine");
    let deadline = Instant::now() + limit;
    let Some(machine) = ask_host(edge, id, deadline).await? else {
        // Our copy is behind: by the time that the requests look again it has caught up.
        sleep(RECHECK).await;
        return Ok(());
    };
    let settled = edge.catalog.wait_for(|snapshot| outcome(snapshot, app, id, machine.updated_at));
    timeout_at(deadline, settled).await.unwrap_or_else(|_| Err(Code::WakeTimeout.into()))
}

/// The machine as of the recorded start; `None` when the host knows it in another state than we do.
async fn ask_host(edge: &Edge, id: &MachineId, deadline: Instant) -> Result<Option<Machine>, Failure> {
    let cause = Cause { source: "proxy".into(), reason: Some("a request".into()), lease_nonce: None };
    loop {
        match edge.host.start(id, &cause).await {
            Ok(machine) => return Ok(Some(machine)),
            Err(HostError::Refused(body)) => {
                return match body.code {
                    ErrorCode::WrongState | ErrorCode::MachineNotFound => Ok(None),
                    _ => Err(Failure::new(Code::WakeRefused, body.message)),
                };
            }
            // A host that restarts comes back, and to start a machine twice does no harm.
            Err(error) if Instant::now() + RECHECK < deadline => {
                debug!(machine = %id, %error, "host does not answer; asking again");
                sleep(RECHECK).await;
            }
            Err(error) => return Err(Failure::new(Code::HostUnavailable, error.to_string())),
        }
    }
}

/// How the start that was recorded at `asked` went; `None` while it is under way.
fn outcome(
    snapshot: &Snapshot,
    app: &AppName,
    id: &MachineId,
    asked: Timestamp,
) -> Option<Result<(), Failure>> {
    let Some(machine) = snapshot.app(app).and_then(|app| app.machine(id)) else {
        return Some(Err(Failure::new(Code::WakeFailed, "It was destroyed meanwhile.")));
    };
    match machine.state {
        MachineState::Started => Some(Ok(())),
        // Suspending: it starts again as soon as that is over.
        MachineState::Starting | MachineState::Replacing | MachineState::Suspending => None,
        _ if machine.updated_at <= asked || will_restart(machine) => None,
        _ => Some(Err(ended(machine))),
    }
}

/// Its restart policy is about to start it again.
fn will_restart(machine: &MachineEntry) -> bool {
    last_exit(machine).is_some_and(|exit| exit.restarting)
}

fn last_exit(machine: &MachineEntry) -> Option<&ExitEvent> {
    machine.ending.as_ref()?.exit.as_ref()
}

/// Why the machine does not run.
fn ended(machine: &MachineEntry) -> Failure {
    let id = &machine.id;
    match last_exit(machine) {
        Some(exit) if exit.oom_killed => Failure::new(Code::WakeOutOfMemory, format!("Machine {id}.")),
        Some(exit) if exit.guest_signal > 0 => Failure::new(
            Code::WakeKilled,
            format!("Machine {id} was killed by signal {}.", exit.guest_signal),
        ),
        Some(exit) => {
            Failure::new(Code::WakeFailed, format!("Machine {id} exited with code {}.", exit.exit_code))
        }
        None => {
            let told = machine.ending.as_ref().and_then(|ending| ending.reason.clone());
            let why = told.unwrap_or_else(|| format!("it is {} now", machine.state));
            Failure::new(Code::WakeFailed, format!("Machine {id}: {why}"))
        }
    }
}

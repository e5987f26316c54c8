//! Machines that stand in for others of their app: started when the other one has failed for good.
//!
//! On one box that is a machine that could not be made, or that ended by a failure which its restart
//! policy does not answer with another try. The stand-in runs on until somebody stops it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use roost_host_api::{Cause, Machine, WatchEvent};
use roost_model::{MachineEvent, MachineId, MachineState};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    context::Context,
    owner::{Command, Handle},
};

pub async fn run(ctx: Arc<Context>, owners: Arc<Mutex<HashMap<MachineId, Handle>>>) {
    loop {
        let mut watch = ctx.hub.watch();
        for machine in &watch.machines {
            stand_in_for(machine, &ctx, &owners).await;
        }
        loop {
            match watch.changes.recv().await.as_deref() {
                Ok(WatchEvent::Machine { machine, .. }) => stand_in_for(machine, &ctx, &owners).await,
                Ok(_) => {}
                // Too far behind: look at all of them again.
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            }
        }
    }
}

async fn stand_in_for(machine: &Machine, ctx: &Context, owners: &Mutex<HashMap<MachineId, Handle>>) {
    let Some(failure) = failure(machine) else { return };
    for standby in ctx.hub.list(Some(&machine.app)) {
        let stands_in = standby.config.standbys.iter().any(|id| id == machine.id.as_str());
        if !stands_in || !standby.state.can_start() || has_answered(&standby, failure) {
            continue;
        }
        let owner = owners.lock().unwrap_or_else(PoisonError::into_inner).get(&standby.id).cloned();
        let Some(owner) = owner else { continue };
        let reason = Some(format!("machine {} failed, for which it stands in", machine.id));
        let cause = Cause { source: "host".to_owned(), reason, lease_nonce: None };
        if let Err(error) = owner.ask(|reply| Command::Start(cause, reply)).await {
            tracing::warn!(machine = %standby.id, %error, "standby not started");
        }
    }
}

/// The event by which the machine failed for good.
fn failure(machine: &Machine) -> Option<&MachineEvent> {
    let last = machine.events.iter().find(|event| event.leads_to_a_state())?;
    let exit = last.request.as_ref().and_then(|request| request.exit_event.as_ref());
    let failed = match machine.state {
        MachineState::Failed => true,
        MachineState::Stopped => {
            exit.is_some_and(|exit| !exit.requested_stop && (exit.exit_code != 0 || exit.oom_killed))
        }
        _ => false,
    };
    failed.then_some(last)
}

/// It was started since, whatever became of it.
fn has_answered(standby: &Machine, failure: &MachineEvent) -> bool {
    standby.events.iter().any(|event| event.kind == "start" && event.timestamp >= failure.timestamp)
}

//! Waiting for a machine's state: answered the moment it is reached.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use roost_host_api::{ErrorBody, ErrorCode, Machine, Wait, WaitQuery, states};
use roost_model::{MachineId, MachineState};
use tokio::{sync::broadcast::error::RecvError, time::timeout};

use super::{
    App,
    answer::{Answer, Json, PathOf, Query},
};
use crate::{context::refuse, host::Host, request::invalid};

/// A wait that nobody bounds ends like one of the Machines API's.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

pub async fn wait(
    State(app): State<App>,
    PathOf(id): PathOf<MachineId>,
    Query(query): Query<WaitQuery>,
) -> Answer<Arc<Machine>> {
    let limit = query.timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis).min(MAX_TIMEOUT);
    let wait = Wait {
        states: states(&query.state).map_err(|e| invalid(e.to_string()))?,
        instance: query.instance_id,
        from_event: query.from_event_id,
        timeout: limit,
    };
    let reached = timeout(limit, reach(&app.host, &id, &wait)).await;
    Ok(Json(reached.unwrap_or_else(|_| Err(overdue(&app.host, &id, &wait)))?))
}

async fn reach(host: &Host, id: &MachineId, wait: &Wait) -> Result<Arc<Machine>, ErrorBody> {
    let (mut machine, mut changes) = host.ctx().hub.follow(id).ok_or_else(|| gone(id))?;
    loop {
        if let Some(answer) = answer(&machine, wait) {
            return answer;
        }
        machine = match changes.recv().await {
            Ok(machine) => machine,
            Err(RecvError::Lagged(_)) => host.machine(id)?,
            Err(RecvError::Closed) => return Err(gone(id)),
        };
    }
}

/// What a waiter is told of a machine like this; nothing if it is to wait on.
fn answer(machine: &Arc<Machine>, wait: &Wait) -> Option<Result<Arc<Machine>, ErrorBody>> {
    let Machine { id, state: now, instance_id, .. } = &**machine;
    if let Some(wanted) = wait.instance.filter(|wanted| wanted < instance_id) {
        let text = format!("version {wanted} of machine {id} was replaced by {instance_id}");
        return Some(Err(refuse(ErrorCode::VersionMismatch, text)));
    }
    if wait.met_by(machine).is_some() {
        return Some(Ok(machine.clone()));
    }
    let wants_end = wait.states.iter().any(|state| state.is_gone());
    let never = match now {
        MachineState::Destroyed => true,
        MachineState::Failed => !wants_end && wait.from_event.is_none(),
        _ => false,
    };
    never.then(|| {
        let why = last_reason(machine).map(|reason| format!(": {reason}")).unwrap_or_default();
        let text = format!("machine {id} is {now} and will not be {}{why}", names(&wait.states));
        Err(refuse(ErrorCode::WrongState, text))
    })
}

fn overdue(host: &Host, id: &MachineId, wait: &Wait) -> ErrorBody {
    let secs = wait.timeout.as_secs_f64();
    let now = host.machine(id).map_or_else(|_| "gone".to_owned(), |machine| machine.state.to_string());
    let text = format!("machine {id} is not {} after {secs} s, but {now}", names(&wait.states));
    refuse(ErrorCode::Timeout, text)
}

fn names(states: &[MachineState]) -> String {
    let names: Vec<_> = states.iter().map(|state| state.as_str()).collect();
    names.join(" or ")
}

fn last_reason(machine: &Machine) -> Option<&str> {
    machine.events.iter().find_map(|event| event.request.as_ref()?.reason.as_deref())
}

fn gone(id: &MachineId) -> ErrorBody {
    refuse(ErrorCode::MachineNotFound, format!("machine not found: this host has no machine {id}"))
}

//! Waiting for a machine's state: answered the moment it is reached.

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use roost_host_api::{ErrorBody, ErrorCode, Machine};
use roost_model::{InstanceId, MachineId, MachineState};
use serde::Deserialize;
use tokio::{sync::broadcast::error::RecvError, time::timeout};

use super::{
    App,
    answer::{Answer, Json, PathOf, Query},
};
use crate::{context::refuse, host::Host};

/// A wait that nobody bounds ends like one of the Machines API's.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

#[derive(Deserialize)]
pub struct WaitQuery {
    state: String,
    instance_id: Option<InstanceId>,
    timeout_ms: Option<u64>,
}

pub async fn wait(
    State(app): State<App>,
    PathOf(id): PathOf<MachineId>,
    Query(query): Query<WaitQuery>,
) -> Answer<Arc<Machine>> {
    let state: MachineState = query
        .state
        .parse()
        .map_err(|e: roost_model::state::UnknownState| crate::request::invalid(e.to_string()))?;
    let limit = query.timeout_ms.map_or(DEFAULT_TIMEOUT, Duration::from_millis).min(MAX_TIMEOUT);
    let reached = timeout(limit, reach(&app.host, &id, state, query.instance_id)).await;
    Ok(Json(reached.unwrap_or_else(|_| Err(overdue(&app.host, &id, state, limit)))?))
}

async fn reach(
    host: &Host,
    id: &MachineId,
    state: MachineState,
    instance: Option<InstanceId>,
) -> Result<Arc<Machine>, ErrorBody> {
    let (mut machine, mut changes) = host.ctx().hub.follow(id).ok_or_else(|| gone(id))?;
    loop {
        if let Some(answer) = answer(&machine, state, instance) {
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
fn answer(
    machine: &Arc<Machine>,
    state: MachineState,
    instance: Option<InstanceId>,
) -> Option<Result<Arc<Machine>, ErrorBody>> {
    let Machine { id, state: now, instance_id, .. } = &**machine;
    if let Some(wanted) = instance.filter(|wanted| wanted < instance_id) {
        let text = format!("version {wanted} of machine {id} was replaced by {instance_id}");
        return Some(Err(refuse(ErrorCode::VersionMismatch, text)));
    }
    if *now == state && instance.is_none_or(|wanted| wanted == *instance_id) {
        return Some(Ok(machine.clone()));
    }
    let never = match now {
        MachineState::Destroyed => true,
        MachineState::Failed => !matches!(state, MachineState::Destroying | MachineState::Destroyed),
        _ => false,
    };
    never.then(|| {
        let why = last_reason(machine).map(|reason| format!(": {reason}")).unwrap_or_default();
        Err(refuse(ErrorCode::WrongState, format!("machine {id} is {now} and will not be {state}{why}")))
    })
}

fn overdue(host: &Host, id: &MachineId, state: MachineState, limit: Duration) -> ErrorBody {
    let secs = limit.as_secs_f64();
    let now = host.machine(id).map_or_else(|_| "gone".to_owned(), |machine| machine.state.to_string());
    refuse(ErrorCode::Timeout, format!("machine {id} is not {state} after {secs} s, but {now}"))
}

fn last_reason(machine: &Machine) -> Option<&str> {
    machine.events.iter().find_map(|event| event.request.as_ref()?.reason.as_deref())
}

fn gone(id: &MachineId) -> ErrorBody {
    refuse(ErrorCode::MachineNotFound, format!("this host has no machine {id}"))
}

//! Calls that make, change and end machines.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use jiff::Timestamp;
use roost_host_api::{
    Cause, CreateMachine, DestroyMachine, ErrorBody, ErrorCode, Machine, MachineVersion, Reservation,
    ReserveRequest, SetMetadata, SignalMachine, StopMachine, UpdateMachine, Wait, WaitQuery, states,
};
use roost_model::state::UnknownState;
use serde::Deserialize;
use tokio::{sync::broadcast::error::RecvError, time::timeout};
use ulid::Ulid;

use super::{Answer, Host, Id};

const DEFAULT_WAIT_MS: u64 = 60_000;

pub async fn reserve(State(host): Host, Json(request): Json<ReserveRequest>) -> Answer<Reservation> {
    let free = host.info.free;
    if u64::from(request.guest.memory_mb) > free.memory_mib {
        let message = format!("no capacity: {} MiB of memory are free", free.memory_mib);
        return Err(ErrorBody { code: ErrorCode::NoCapacity, message }.into());
    }
    Ok(Json(Reservation { id: Ulid::generate(), expires_at: Timestamp::now(), free }))
}

#[derive(Deserialize)]
pub struct ListQuery {
    app: Option<String>,
}

pub async fn list(State(host): Host, Query(query): Query<ListQuery>) -> Json<Vec<Machine>> {
    let of_app = |machine: &Machine| query.app.as_ref().is_none_or(|app| app == machine.app.as_str());
    Json(host.machines().into_iter().filter(of_app).collect())
}

pub async fn create(State(host): Host, Json(create): Json<CreateMachine>) -> Answer<Machine> {
    Ok(Json(host.create(create)?))
}

pub async fn get(State(host): Host, Path(id): Id) -> Answer<Machine> {
    Ok(Json(host.get(&id)?))
}

pub async fn update(State(host): Host, Path(id): Id, Json(update): Json<UpdateMachine>) -> Answer<Machine> {
    Ok(Json(host.update(&id, update)?))
}

pub async fn destroy(
    State(host): Host,
    Path(id): Id,
    Query(destroy): Query<DestroyMachine>,
) -> Answer<Machine> {
    host.check_lease(&id, destroy.lease_nonce.as_deref())?;
    Ok(Json(host.destroy(&id, destroy.force)?))
}

pub async fn start(State(host): Host, Path(id): Id, Json(cause): Json<Cause>) -> Answer<Machine> {
    host.check_lease(&id, cause.lease_nonce.as_deref())?;
    Ok(Json(host.start(&id)?))
}

pub async fn stop(State(host): Host, Path(id): Id, Json(stop): Json<StopMachine>) -> Answer<Machine> {
    host.check_lease(&id, stop.cause.lease_nonce.as_deref())?;
    Ok(Json(host.stop(&id)?))
}

/// The present one: earlier ones are forgotten.
pub async fn versions(State(host): Host, Path(id): Id) -> Answer<Vec<MachineVersion>> {
    let machine = host.get(&id)?;
    Ok(Json(vec![MachineVersion { version: machine.instance_id, config: machine.config }]))
}

pub async fn suspend(State(host): Host, Path(id): Id, Json(cause): Json<Cause>) -> Answer<Machine> {
    host.check_lease(&id, cause.lease_nonce.as_deref())?;
    Ok(Json(host.suspend(&id)?))
}

pub async fn restart(State(host): Host, Path(id): Id, Json(stop): Json<StopMachine>) -> Answer<Machine> {
    host.check_lease(&id, stop.cause.lease_nonce.as_deref())?;
    Ok(Json(host.restart(&id)?))
}

pub async fn signal(State(host): Host, Path(id): Id, Json(signal): Json<SignalMachine>) -> Answer<()> {
    host.check_lease(&id, signal.cause.lease_nonce.as_deref())?;
    Ok(Json(host.signal(&id)?))
}

pub async fn cordon(State(host): Host, Path(id): Id) -> Answer<Machine> {
    Ok(Json(host.change(&id, |machine| machine.cordoned = true)?))
}

pub async fn uncordon(State(host): Host, Path(id): Id) -> Answer<Machine> {
    Ok(Json(host.change(&id, |machine| machine.cordoned = false)?))
}

pub async fn set_metadata(
    State(host): Host,
    Path(id): Id,
    Json(change): Json<SetMetadata>,
) -> Answer<Machine> {
    let now = host.get(&id)?.instance_id;
    if change.machine_version.is_some_and(|wanted| wanted != now) {
        let message = format!("the machine is at version {now}");
        return Err(ErrorBody { code: ErrorCode::VersionMismatch, message }.into());
    }
    let changed = host.change(&id, |machine| {
        for (key, value) in change.metadata {
            match value {
                Some(value) => drop(machine.config.metadata.insert(key, value)),
                None => drop(machine.config.metadata.remove(&key)),
            }
        }
    })?;
    Ok(Json(changed))
}

pub async fn wait(State(host): Host, Path(id): Id, Query(query): Query<WaitQuery>) -> Answer<Machine> {
    let mut changes = host.events.subscribe();
    let invalid = |e: UnknownState| ErrorBody { code: ErrorCode::InvalidRequest, message: e.to_string() };
    let limit = Duration::from_millis(query.timeout_ms.unwrap_or(DEFAULT_WAIT_MS));
    let wait = Wait {
        instance: query.instance_id,
        from_event: query.from_event_id,
        ..Wait::until(states(&query.state).map_err(invalid)?, limit)
    };
    let reached = async {
        loop {
            let machine = host.get(&id)?;
            if wait.met_by(&machine).is_some() {
                return Ok(machine);
            }
            if let Err(RecvError::Closed) = changes.recv().await {
                unreachable!("the host lives as long as its server");
            }
        }
    };
    let late = || Err(ErrorBody { code: ErrorCode::Timeout, message: "not in time".to_owned() });
    let result = timeout(limit, reached).await.unwrap_or_else(|_| late());
    Ok(Json(result?))
}

//! Machines: made, read, changed, ended.

use std::sync::Arc;

use axum::extract::State;
use roost_host_api::{
    Cause, CreateMachine, DestroyMachine, ErrorBody, ErrorCode, Lease, LeaseRequest, Machine, MachineVersion,
    SetMetadata, SignalMachine, StopMachine, UpdateMachine,
};
use roost_model::{AppName, MachineId, MachineState};
use serde::Deserialize;

use super::{
    App,
    answer::{Answer, Body, Json, PathOf, Query},
};
use crate::{
    context::refuse,
    host::Host,
    owner::{Command, Reply},
};

type Shown = Arc<Machine>;
type Id = PathOf<MachineId>;

#[derive(Deserialize)]
pub struct ListQuery {
    pub app: Option<AppName>,
}

#[derive(Deserialize)]
pub struct LeaseQuery {
    nonce: String,
}

pub async fn create(State(app): State<App>, Body(create): Body<CreateMachine>) -> Answer<Shown> {
    Ok(Json(app.host.create(create).await?))
}

pub async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Json<Vec<Shown>> {
    Json(app.host.ctx().hub.list(query.app.as_ref()))
}

pub async fn get(State(app): State<App>, PathOf(id): Id) -> Answer<Shown> {
    Ok(Json(app.host.machine(&id)?))
}

pub async fn update(
    State(app): State<App>,
    PathOf(id): Id,
    Body(update): Body<UpdateMachine>,
) -> Answer<Shown> {
    Ok(Json(ask(&app.host, &id, |reply| Command::Update(Box::new(update), reply)).await?))
}

pub async fn destroy(
    State(app): State<App>,
    PathOf(id): Id,
    Query(destroy): Query<DestroyMachine>,
) -> Answer<Shown> {
    let destroyed = ask(&app.host, &id, |reply| Command::Destroy(destroy, reply)).await;
    match destroyed {
        // Destroyed already, and its owner is gone.
        Err(ErrorBody { code: ErrorCode::WrongState, .. }) if is_destroyed(&app.host, &id) => {
            Ok(Json(app.host.machine(&id)?))
        }
        destroyed => Ok(Json(destroyed?)),
    }
}

/// The present version first.
pub async fn versions(State(app): State<App>, PathOf(id): Id) -> Answer<Vec<MachineVersion>> {
    let earlier = app.host.ctx().store.versions(&id).await.map_err(ErrorBody::from)?;
    let now = app.host.machine(&id)?;
    let earlier = earlier.into_iter().filter(|(version, _)| *version < now.instance_id);
    let now = [(now.instance_id, now.config.clone())];
    let versions = now.into_iter().chain(earlier);
    Ok(Json(versions.map(|(version, config)| MachineVersion { version, config }).collect()))
}

pub async fn start(State(app): State<App>, PathOf(id): Id, Body(cause): Body<Cause>) -> Answer<Shown> {
    Ok(Json(ask(&app.host, &id, |reply| Command::Start(cause, reply)).await?))
}

pub async fn stop(State(app): State<App>, PathOf(id): Id, Body(stop): Body<StopMachine>) -> Answer<Shown> {
    Ok(Json(ask(&app.host, &id, |reply| Command::Stop(stop, reply)).await?))
}

pub async fn suspend(State(app): State<App>, PathOf(id): Id, Body(cause): Body<Cause>) -> Answer<Shown> {
    Ok(Json(ask(&app.host, &id, |reply| Command::Suspend(cause, reply)).await?))
}

pub async fn restart(State(app): State<App>, PathOf(id): Id, Body(stop): Body<StopMachine>) -> Answer<Shown> {
    Ok(Json(ask(&app.host, &id, |reply| Command::Restart(stop, reply)).await?))
}

pub async fn signal(State(app): State<App>, PathOf(id): Id, Body(signal): Body<SignalMachine>) -> Answer<()> {
    Ok(Json(ask(&app.host, &id, |reply| Command::Signal(signal, reply)).await?))
}

pub async fn cordon(State(app): State<App>, PathOf(id): Id, Body(cause): Body<Cause>) -> Answer<Shown> {
    Ok(Json(ask(&app.host, &id, |reply| Command::Cordon(cause, reply)).await?))
}

pub async fn uncordon(State(app): State<App>, PathOf(id): Id, Body(cause): Body<Cause>) -> Answer<Shown> {
    Ok(Json(ask(&app.host, &id, |reply| Command::Uncordon(cause, reply)).await?))
}

pub async fn set_metadata(
    State(app): State<App>,
    PathOf(id): Id,
    Body(change): Body<SetMetadata>,
) -> Answer<Shown> {
    Ok(Json(ask(&app.host, &id, |reply| Command::SetMetadata(change, reply)).await?))
}

pub async fn take_lease(
    State(app): State<App>,
    PathOf(id): Id,
    Body(request): Body<LeaseRequest>,
) -> Answer<Lease> {
    let taken = ask(&app.host, &id, |reply| Command::TakeLease(request, reply)).await;
    Ok(Json(taken.map_err(|error| gone_if_destroyed(&app.host, &id, error))?))
}

pub async fn lease(State(app): State<App>, PathOf(id): Id) -> Answer<Lease> {
    let lease = ask(&app.host, &id, Command::Lease).await;
    Ok(Json(lease.map_err(|error| gone_if_destroyed(&app.host, &id, error))?))
}

pub async fn release_lease(
    State(app): State<App>,
    PathOf(id): Id,
    Query(query): Query<LeaseQuery>,
) -> Answer<()> {
    let released = ask(&app.host, &id, |reply| Command::ReleaseLease(query.nonce, reply)).await;
    Ok(Json(released.map_err(|error| gone_if_destroyed(&app.host, &id, error))?))
}

pub async fn ask<T>(
    host: &Host,
    id: &MachineId,
    command: impl FnOnce(Reply<T>) -> Command,
) -> Result<T, ErrorBody> {
    host.owner(id)?.ask(command).await
}

/// Whoever refreshes a lease in the background stops when there is nothing left to be leased.
fn gone_if_destroyed(host: &Host, id: &MachineId, error: ErrorBody) -> ErrorBody {
    match error.code {
        ErrorCode::WrongState if is_destroyed(host, id) => {
            refuse(ErrorCode::MachineNotFound, format!("machine not found: machine {id} is destroyed"))
        }
        _ => error,
    }
}

fn is_destroyed(host: &Host, id: &MachineId) -> bool {
    host.machine(id).is_ok_and(|machine| machine.state == MachineState::Destroyed)
}

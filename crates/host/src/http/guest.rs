//! What only the machine's guest knows.

use axum::extract::State;
use roost_guest_api::{GuestClient, GuestError, Listener, MemoryInfo, ProcessInfo};
use roost_host_api::{ErrorBody, ErrorCode};
use roost_model::MachineId;

use super::{
    App,
    answer::{Answer, Json, PathOf},
    machines::ask,
};
use crate::{context::refuse, owner::Command};

pub async fn listeners(State(app): State<App>, PathOf(id): PathOf<MachineId>) -> Answer<Vec<Listener>> {
    let guest = client(&app, &id).await?;
    Ok(Json(guest.listeners().await.map_err(|e| unavailable(&e))?))
}

pub async fn processes(State(app): State<App>, PathOf(id): PathOf<MachineId>) -> Answer<Vec<ProcessInfo>> {
    let guest = client(&app, &id).await?;
    Ok(Json(guest.processes().await.map_err(|e| unavailable(&e))?))
}

pub async fn memory(State(app): State<App>, PathOf(id): PathOf<MachineId>) -> Answer<MemoryInfo> {
    let guest = client(&app, &id).await?;
    Ok(Json(guest.memory().await.map_err(|e| unavailable(&e))?))
}

pub async fn client(app: &App, id: &MachineId) -> Result<GuestClient, ErrorBody> {
    ask(&app.host, id, Command::Guest).await
}

pub fn unavailable(error: &GuestError) -> ErrorBody {
    refuse(ErrorCode::GuestUnavailable, format!("the machine does not answer: {error}; try again"))
}

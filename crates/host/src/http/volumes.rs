//! Volumes and their snapshots. A change that was begun is finished although its caller goes away.

use axum::extract::State;
use roost_host_api::{
    CreateVolume, DestroyVolume, ErrorBody, ErrorCode, ExtendVolume, ExtendedVolume, Snapshot, Volume,
    VolumeKeep,
};
use roost_model::{AppName, VolumeId};
use serde::Deserialize;

use super::{
    App,
    answer::{Answer, Body, Json, PathOf, Query},
};
use crate::context::refuse;

type Id = PathOf<VolumeId>;

#[derive(Deserialize)]
pub struct ListQuery {
    app: Option<AppName>,
}

pub async fn create(State(app): State<App>, Body(create): Body<CreateVolume>) -> Answer<Volume> {
    Ok(Json(to_the_end(async move { app.host.create_volume(create).await }).await?))
}

pub async fn list(State(app): State<App>, Query(query): Query<ListQuery>) -> Json<Vec<Volume>> {
    let mut volumes = app.host.ctx().volumes.list();
    volumes.retain(|volume| query.app.as_ref().is_none_or(|app| volume.app == *app));
    Json(volumes)
}

#[derive(Deserialize)]
pub struct ForgetQuery {
    app: AppName,
}

pub async fn forget(State(app): State<App>, Query(query): Query<ForgetQuery>) -> Answer<()> {
    let volumes = app.host.ctx().volumes.clone();
    Ok(Json(to_the_end(async move { volumes.forget_app(&query.app).await }).await?))
}

pub async fn get(State(app): State<App>, PathOf(id): Id) -> Answer<Volume> {
    Ok(Json(app.host.ctx().volumes.get(&id)?))
}

pub async fn update(State(app): State<App>, PathOf(id): Id, Body(keep): Body<VolumeKeep>) -> Answer<Volume> {
    Ok(Json(app.host.ctx().volumes.update(&id, &keep).await?))
}

pub async fn extend(
    State(app): State<App>,
    PathOf(id): Id,
    Body(extend): Body<ExtendVolume>,
) -> Answer<ExtendedVolume> {
    Ok(Json(to_the_end(async move { app.host.extend_volume(&id, extend.size_gb).await }).await?))
}

pub async fn destroy(
    State(app): State<App>,
    PathOf(id): Id,
    Query(destroy): Query<DestroyVolume>,
) -> Answer<Volume> {
    let volumes = app.host.ctx().volumes.clone();
    Ok(Json(to_the_end(async move { volumes.destroy(&id, destroy).await }).await?))
}

pub async fn undestroy(State(app): State<App>, PathOf(id): Id) -> Answer<Volume> {
    Ok(Json(app.host.ctx().volumes.undestroy(&id).await?))
}

pub async fn snapshots(State(app): State<App>, PathOf(id): Id) -> Answer<Vec<Snapshot>> {
    Ok(Json(app.host.ctx().volumes.snapshots_of(&id)?))
}

pub async fn snapshot(State(app): State<App>, PathOf(id): Id) -> Answer<Snapshot> {
    Ok(Json(app.host.snapshot_volume(&id).await?))
}

async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ErrorBody>> + Send + 'static,
) -> Result<T, ErrorBody> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|panic| Err(refuse(ErrorCode::Internal, panic.to_string())))
}

//! Volumes that are only records: made at once, extended at once, and gone when destroyed for good.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use roost_host_api::{
    CreateVolume, DestroyVolume, ErrorBody, ErrorCode, ExtendVolume, ExtendedVolume, HostInfo, Snapshot,
    Volume, VolumeKeep, VolumeUsage,
};
use roost_model::{AppName, SnapshotId, SnapshotState, VolumeId, VolumeState, volume::GB};
use serde::Deserialize;

const BLOCK: u64 = 4096;

/// Size of a volume for which none is asked.
const DEFAULT_GB: u32 = 1;

type Host = State<Arc<Volumes>>;
type Answer<T> = Result<Json<T>, Refusal>;

pub(crate) struct Volumes {
    info: HostInfo,
    state: Mutex<Records>,
}

#[derive(Default)]
struct Records {
    volumes: BTreeMap<VolumeId, Volume>,
    snapshots: Vec<Snapshot>,
}

pub(crate) fn router(volumes: Arc<Volumes>) -> Router {
    Router::new()
        .route("/v1/volumes", get(list).post(create).delete(forget))
        .route("/v1/volumes/{id}", get(volume).put(update).delete(destroy))
        .route("/v1/volumes/{id}/extend", post(extend))
        .route("/v1/volumes/{id}/undestroy", post(undestroy))
        .route("/v1/volumes/{id}/snapshots", get(snapshots).post(snapshot))
        .with_state(volumes)
}

#[derive(Deserialize)]
struct ListQuery {
    app: Option<AppName>,
}

async fn list(State(host): Host, Query(query): Query<ListQuery>) -> Json<Vec<Volume>> {
    let of_app = |volume: &Volume| query.app.as_ref().is_none_or(|app| *app == volume.app);
    Json(host.lock().volumes.values().filter(|volume| of_app(volume)).cloned().collect())
}

async fn forget(State(host): Host, Query(query): Query<ListQuery>) -> Json<()> {
    host.lock().volumes.retain(|_, volume| query.app.as_ref() != Some(&volume.app));
    Json(())
}

async fn create(State(host): Host, Json(create): Json<CreateVolume>) -> Json<Volume> {
    let now = Timestamp::now();
    let size_gb = create.size_gb.unwrap_or(DEFAULT_GB);
    let blocks = u64::from(size_gb) * GB / BLOCK;
    let made = Volume {
        id: create.id.clone(),
        name: create.name,
        app: create.app,
        host: host.info.id.clone(),
        region: host.info.region.clone(),
        state: VolumeState::Created,
        size_gb,
        encrypted: false,
        machine: None,
        snapshot_retention_days: create.keep.snapshot_retention_days.unwrap_or(5),
        scheduled_snapshots: create.keep.scheduled_snapshots.unwrap_or(true),
        created_at: now,
        updated_at: now,
        destroy_at: None,
        usage: VolumeUsage { block_size: BLOCK, blocks, blocks_free: blocks, blocks_avail: blocks },
        problem: None,
    };
    Json(host.lock().volumes.entry(create.id).or_insert(made).clone())
}

async fn volume(State(host): Host, Path(id): Path<VolumeId>) -> Answer<Volume> {
    host.find(&id).map(Json)
}

async fn update(State(host): Host, Path(id): Path<VolumeId>, Json(keep): Json<VolumeKeep>) -> Answer<Volume> {
    host.change(&id, |volume| {
        volume.snapshot_retention_days =
            keep.snapshot_retention_days.unwrap_or(volume.snapshot_retention_days);
        volume.scheduled_snapshots = keep.scheduled_snapshots.unwrap_or(volume.scheduled_snapshots);
    })
}

async fn extend(
    State(host): Host,
    Path(id): Path<VolumeId>,
    Json(extend): Json<ExtendVolume>,
) -> Answer<ExtendedVolume> {
    let Json(volume) = host.change(&id, |volume| volume.size_gb = volume.size_gb.max(extend.size_gb))?;
    if volume.size_gb > extend.size_gb {
        let message = format!("volume {id} has {} GB: volumes only grow", volume.size_gb);
        return Err(Refusal(ErrorBody { code: ErrorCode::InvalidRequest, message }));
    }
    Ok(Json(ExtendedVolume { volume, needs_restart: false }))
}

async fn destroy(
    State(host): Host,
    Path(id): Path<VolumeId>,
    Query(destroy): Query<DestroyVolume>,
) -> Answer<Volume> {
    let destroyed = host.change(&id, |volume| {
        volume.state = VolumeState::PendingDestroy;
        volume.destroy_at = Some(Timestamp::now());
    })?;
    if destroy.for_good {
        host.lock().volumes.remove(&id);
    }
    Ok(destroyed)
}

async fn undestroy(State(host): Host, Path(id): Path<VolumeId>) -> Answer<Volume> {
    host.change(&id, |volume| {
        volume.state = VolumeState::Created;
        volume.destroy_at = None;
    })
}

async fn snapshots(State(host): Host, Path(id): Path<VolumeId>) -> Answer<Vec<Snapshot>> {
    host.find(&id)?;
    Ok(Json(host.lock().snapshots.iter().filter(|s| s.volume == id).rev().cloned().collect()))
}

async fn snapshot(State(host): Host, Path(id): Path<VolumeId>) -> Answer<Snapshot> {
    let volume = host.find(&id)?;
    let snapshot = Snapshot {
        id: SnapshotId::generate(),
        volume: volume.id,
        app: volume.app,
        state: SnapshotState::Created,
        volume_size_gb: volume.size_gb,
        bytes: 0,
        digest: String::new(),
        retention_days: volume.snapshot_retention_days,
        created_at: Timestamp::now(),
        problem: None,
    };
    host.lock().snapshots.push(snapshot.clone());
    Ok(Json(snapshot))
}

impl Volumes {
    pub fn new(info: HostInfo) -> Self {
        Self { info, state: Mutex::default() }
    }

    pub fn present(&self) -> Vec<Volume> {
        let records = self.lock();
        records.volumes.values().filter(|v| v.state != VolumeState::PendingDestroy).cloned().collect()
    }

    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.lock().snapshots.clone()
    }

    fn find(&self, id: &VolumeId) -> Result<Volume, Refusal> {
        let Json(volume) = self.change(id, |_| {})?;
        Ok(volume)
    }

    fn change(&self, id: &VolumeId, change: impl FnOnce(&mut Volume)) -> Answer<Volume> {
        let mut records = self.lock();
        let Some(volume) = records.volumes.get_mut(id) else {
            let message = format!("this host has no volume {id}");
            return Err(Refusal(ErrorBody { code: ErrorCode::VolumeNotFound, message }));
        };
        change(volume);
        Ok(Json(volume.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Refusal(ErrorBody);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0)).into_response()
    }
}

//! The part of the host's API that readers and the edge use.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{Stream, StreamExt, stream};
use roost_host_api::{ErrorBody, ErrorCode, HostInfo, Machine, WatchEvent};
use roost_model::MachineId;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};

use crate::host::Shared;

const HEARTBEAT: Duration = Duration::from_secs(1);

type Host = State<Arc<Shared>>;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/host", get(host))
        .route("/v1/machines", get(machines))
        .route("/v1/machines/{id}", get(machine))
        .route("/v1/machines/{id}/start", post(start))
        .route("/v1/machines/{id}/stop", post(stop))
        .route("/v1/watch", get(watch))
        .with_state(shared)
}

async fn host(State(host): Host) -> Json<HostInfo> {
    Json(host.info.clone())
}

async fn machines(State(host): Host) -> Json<Vec<Machine>> {
    Json(host.machines())
}

async fn machine(State(host): Host, Path(id): Path<MachineId>) -> Result<Json<Machine>, Refusal> {
    let missing = || ErrorBody { code: ErrorCode::MachineNotFound, message: "no such machine".into() };
    host.get(&id).map(Json).ok_or_else(|| Refusal(missing()))
}

async fn start(State(host): Host, Path(id): Path<MachineId>) -> Result<Json<Machine>, Refusal> {
    host.start(&id).map(Json).map_err(Refusal)
}

async fn stop(State(host): Host, Path(id): Path<MachineId>) -> Result<Json<Machine>, Refusal> {
    host.stop(&id).map(Json).map_err(Refusal)
}

async fn watch(State(host): Host) -> Result<Body, Refusal> {
    let mut silent = host.silent.subscribe();
    if *silent.borrow() {
        let message = "the test has cut this host off".to_owned();
        return Err(Refusal(ErrorBody { code: ErrorCode::Internal, message }));
    }
    let cut_off = async move { drop(silent.wait_for(|silent| *silent).await) };
    let changes = host.events.subscribe();
    let hello = WatchEvent::Hello { host: host.info.clone(), epoch: host.epoch };
    let now = host.machines().into_iter().map(|m| WatchEvent::Machine { seq: 0, machine: Box::new(m) });
    let first = [hello].into_iter().chain(now).chain([WatchEvent::Synced { seq: 0 }]);
    let events = stream::iter(first.collect::<Vec<_>>()).chain(follow(changes)).take_until(Box::pin(cut_off));
    Ok(Body::from_stream(events.map(|event| {
        let mut line = serde_json::to_vec(&event).expect("an event is JSON");
        line.push(b'\n');
        Ok::<_, Infallible>(Bytes::from(line))
    })))
}

/// Changes as they happen, a heartbeat when there are none, the end for a reader that is too slow.
fn follow(changes: Receiver<WatchEvent>) -> impl Stream<Item = WatchEvent> {
    stream::unfold(changes, |mut changes| async move {
        match timeout(HEARTBEAT, changes.recv()).await {
            Ok(Ok(event)) => Some((event, changes)),
            Ok(Err(RecvError::Closed | RecvError::Lagged(_))) => None,
            Err(_) => Some((WatchEvent::Heartbeat { seq: 0 }, changes)),
        }
    })
}

struct Refusal(ErrorBody);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0)).into_response()
    }
}

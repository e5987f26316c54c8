//! The fake host's routes.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use roost_guest_api::ProcessInfo;
use roost_host_api::{
    Cause, CreateMachine, DestroyMachine, ErrorBody, ErrorCode, ExecMachine, ExecResult, HostInfo, Lease,
    LeaseRequest, LogLine, LogQuery, Machine, Reservation, ReserveRequest, SetMetadata, StopMachine,
    UpdateMachine,
};
use roost_model::{MachineId, MachineState};
use serde::Deserialize;
use tokio::time::timeout;
use ulid::Ulid;

use super::host::{Shared, lock};

type Host = State<Arc<Shared>>;
type Id = Path<MachineId>;
type Answer<T> = Result<Json<T>, Refusal>;

pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/host", get(info))
        .route("/v1/reservations", post(reserve))
        .route("/v1/machines", get(list).post(create))
        .route("/v1/machines/{id}", get(machine).put(update).delete(destroy))
        .route("/v1/machines/{id}/start", post(start))
        .route("/v1/machines/{id}/stop", post(stop))
        .route("/v1/machines/{id}/cordon", post(cordon))
        .route("/v1/machines/{id}/uncordon", post(uncordon))
        .route("/v1/machines/{id}/metadata", post(metadata))
        .route("/v1/machines/{id}/wait", get(wait))
        .route("/v1/machines/{id}/exec", post(exec))
        .route("/v1/machines/{id}/listeners", get(listeners))
        .route("/v1/machines/{id}/ps", get(ps))
        .route("/v1/machines/{id}/lease", get(lease).post(take_lease).delete(release_lease))
        .route("/v1/logs", get(logs))
        .with_state(shared)
}

async fn info(State(host): Host) -> Json<HostInfo> {
    Json(host.info())
}

async fn reserve(State(host): Host, Json(request): Json<ReserveRequest>) -> Answer<Reservation> {
    if u64::from(request.guest.memory_mb) > host.info().free.memory_mib {
        let message = "no capacity: 8192 MB are free".to_owned();
        return Err(Refusal(ErrorBody { code: ErrorCode::NoCapacity, message }));
    }
    Ok(Json(Reservation { id: Ulid::generate(), expires_at: Timestamp::now(), free: host.info().free }))
}

#[derive(Deserialize)]
struct ListQuery {
    app: Option<String>,
}

async fn list(State(host): Host, Query(query): Query<ListQuery>) -> Json<Vec<Machine>> {
    let of_app = |machine: &Machine| query.app.as_ref().is_none_or(|app| app == machine.app.as_str());
    Json(host.all().into_iter().filter(of_app).collect())
}

async fn create(State(host): Host, Json(request): Json<CreateMachine>) -> Answer<Machine> {
    host.create(request).map(Json).map_err(Refusal)
}

async fn machine(State(host): Host, Path(id): Id) -> Answer<Machine> {
    host.get(&id).map(Json).map_err(Refusal)
}

async fn update(State(host): Host, Path(id): Id, Json(request): Json<UpdateMachine>) -> Answer<Machine> {
    host.update(&id, request).map(Json).map_err(Refusal)
}

async fn destroy(State(host): Host, Path(id): Id, Query(query): Query<DestroyMachine>) -> Answer<Machine> {
    host.check_lease(&id, query.lease_nonce.as_deref()).map_err(Refusal)?;
    host.destroy(&id, query.force).map(Json).map_err(Refusal)
}

async fn start(State(host): Host, Path(id): Id, Json(cause): Json<Cause>) -> Answer<Machine> {
    host.check_lease(&id, cause.lease_nonce.as_deref()).map_err(Refusal)?;
    host.start(&id).map(Json).map_err(Refusal)
}

async fn stop(State(host): Host, Path(id): Id, Json(stop): Json<StopMachine>) -> Answer<Machine> {
    host.check_lease(&id, stop.cause.lease_nonce.as_deref()).map_err(Refusal)?;
    host.stop(&id).map(Json).map_err(Refusal)
}

async fn cordon(State(host): Host, Path(id): Id) -> Answer<Machine> {
    host.change(&id, |machine| machine.cordoned = true).map(Json).map_err(Refusal)
}

async fn uncordon(State(host): Host, Path(id): Id) -> Answer<Machine> {
    host.change(&id, |machine| machine.cordoned = false).map(Json).map_err(Refusal)
}

async fn metadata(State(host): Host, Path(id): Id, Json(change): Json<SetMetadata>) -> Answer<Machine> {
    let apply = |machine: &mut Machine| {
        for (key, value) in change.metadata {
            match value {
                Some(value) => drop(machine.config.metadata.insert(key, value)),
                None => drop(machine.config.metadata.remove(&key)),
            }
        }
    };
    host.change(&id, apply).map(Json).map_err(Refusal)
}

#[derive(Deserialize)]
struct WaitQuery {
    state: MachineState,
    timeout_ms: u64,
}

async fn wait(State(host): Host, Path(id): Id, Query(query): Query<WaitQuery>) -> Answer<Machine> {
    let mut changes = host.changed.subscribe();
    let reached = async {
        loop {
            let machine = host.get(&id)?;
            if machine.state == query.state {
                return Ok(machine);
            }
            changes.changed().await.expect("the host lives as long as its server");
        }
    };
    let late = || Err(ErrorBody { code: ErrorCode::Timeout, message: "not in time".to_owned() });
    let result = timeout(Duration::from_millis(query.timeout_ms), reached).await.unwrap_or_else(|_| late());
    result.map(Json).map_err(Refusal)
}

async fn exec(State(host): Host, Path(id): Id, Json(exec): Json<ExecMachine>) -> Answer<ExecResult> {
    host.get(&id).map_err(Refusal)?;
    let stdout = format!("{}|{}", exec.argv.join(","), exec.stdin);
    Ok(Json(ExecResult { exit_code: 0, exit_signal: 0, stdout, stderr: String::new(), truncated: false }))
}

async fn listeners(State(host): Host, Path(id): Id) -> Answer<Vec<roost_guest_api::Listener>> {
    host.listeners(&id).map(Json).map_err(Refusal)
}

async fn ps(State(host): Host, Path(id): Id) -> Answer<Vec<ProcessInfo>> {
    host.get(&id).map_err(Refusal)?;
    Ok(Json(vec![ProcessInfo {
        pid: 2,
        ppid: 1,
        command: "app".to_owned(),
        state: "S".to_owned(),
        rss_bytes: 4096,
        cpu_ms: 10,
        start_unix_ns: 0,
    }]))
}

async fn take_lease(State(host): Host, Path(id): Id, Json(request): Json<LeaseRequest>) -> Answer<Lease> {
    host.check_lease(&id, request.nonce.as_deref()).map_err(Refusal)?;
    let lease = Lease {
        nonce: request.nonce.unwrap_or_else(|| Ulid::generate().to_string()),
        expires_at: Timestamp::now(),
        owner: request.owner,
        description: request.description,
        version: host.get(&id).map_err(Refusal)?.instance_id.to_string(),
    };
    lock(&host.leases).insert(id, lease.clone());
    Ok(Json(lease))
}

async fn lease(State(host): Host, Path(id): Id) -> Answer<Lease> {
    let found = lock(&host.leases).get(&id).cloned();
    let missing = || ErrorBody { code: ErrorCode::LeaseNotFound, message: "lease not found".to_owned() };
    found.map(Json).ok_or_else(|| Refusal(missing()))
}

async fn release_lease(
    State(host): Host,
    Path(id): Id,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer<()> {
    let nonce = query.iter().find(|(key, _)| key == "nonce").map(|(_, nonce)| nonce.as_str());
    host.check_lease(&id, nonce).map_err(Refusal)?;
    lock(&host.leases).remove(&id);
    Ok(Json(()))
}

async fn logs(State(host): Host, Query(query): Query<LogQuery>) -> String {
    let of_query = |machine: &Machine| query.machine.as_ref().is_none_or(|id| *id == machine.id);
    let machines = host.all().into_iter().filter(|m| m.app.as_str() == query.app && of_query(m));
    let line = |(cursor, machine): (usize, Machine)| LogLine {
        cursor: cursor as u64 + 1,
        timestamp: Timestamp::now(),
        message: format!("hello from {}", machine.id),
        app: machine.app,
        machine: machine.id,
        region: machine.region,
        process: "app".to_owned(),
        stream: "stdout".to_owned(),
    };
    machines.enumerate().map(|m| serde_json::to_string(&line(m)).unwrap() + "\n").collect()
}

struct Refusal(ErrorBody);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap();
        (status, Json(self.0)).into_response()
    }
}

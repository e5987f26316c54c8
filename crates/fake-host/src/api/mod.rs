//! The host's API: every call that the other roles make, but for those of images.

mod guest;
mod lease;
mod machines;
mod watch;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use roost_host_api::{ErrorBody, HostInfo};
use roost_model::MachineId;

use crate::machines::Shared;

type Host = State<Arc<Shared>>;
type Id = Path<MachineId>;
type Answer<T> = Result<Json<T>, Refusal>;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/host", get(info))
        .route("/v1/reservations", post(machines::reserve))
        .route("/v1/machines", get(machines::list).post(machines::create))
        .route("/v1/machines/{id}", get(machines::get).put(machines::update).delete(machines::destroy))
        .route("/v1/machines/{id}/start", post(machines::start))
        .route("/v1/machines/{id}/stop", post(machines::stop))
        .route("/v1/machines/{id}/suspend", post(machines::suspend))
        .route("/v1/machines/{id}/restart", post(machines::restart))
        .route("/v1/machines/{id}/signal", post(machines::signal))
        .route("/v1/machines/{id}/versions", get(machines::versions))
        .route("/v1/machines/{id}/cordon", post(machines::cordon))
        .route("/v1/machines/{id}/uncordon", post(machines::uncordon))
        .route("/v1/machines/{id}/metadata", post(machines::set_metadata))
        .route("/v1/machines/{id}/wait", get(machines::wait))
        .route("/v1/machines/{id}/exec", post(guest::exec))
        .route("/v1/machines/{id}/listeners", get(guest::listeners))
        .route("/v1/machines/{id}/ps", get(guest::processes))
        .route("/v1/machines/{id}/memory", get(guest::memory))
        .route("/v1/machines/{id}/lease", get(lease::get).post(lease::take).delete(lease::release))
        .route("/v1/metrics", get(guest::metrics))
        .route("/v1/logs", get(guest::logs).post(guest::append_log))
        .route("/v1/watch", get(watch::watch))
        .with_state(shared)
}

async fn info(State(host): Host) -> Json<HostInfo> {
    Json(host.info.clone())
}

struct Refusal(ErrorBody);

impl From<ErrorBody> for Refusal {
    fn from(body: ErrorBody) -> Self {
        Self(body)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0)).into_response()
    }
}

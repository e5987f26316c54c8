//! The host's API over HTTP, call by call as `roost_host_api` lists them.
//!
//! Responsible for: reading requests, and turning answers and errors into responses. Whoever can
//! open the socket may ask for everything: its permissions are the access control.

mod answer;
mod exec;
mod guest;
mod machines;
mod streams;
mod volumes;
mod wait;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    routing::{delete, get, post},
};
use roost_host_api::{
    AppendLog, CollectImages, Collected, HostInfo, MAX_REQUEST_BYTES, Reservation, ReserveRequest,
};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use self::answer::{Answer, Body, Json, PathOf, Query};
use crate::{host::Host, primed};

impl Host {
    /// Serves until `shutdown`, then ends streams and finishes the calls under way. Machines run on.
    pub async fn serve(&self, listener: UnixListener, shutdown: CancellationToken) -> std::io::Result<()> {
        let router = router(self.clone(), shutdown.clone());
        let ended = shutdown.child_token();
        let serving = async {
            let graceful = shutdown.cancelled_owned();
            let served = axum::serve(listener, router).with_graceful_shutdown(graceful).await;
            ended.cancel();
            served
        };
        tokio::join!(serving, primed::run(self.ctx().clone(), ended.clone())).0
    }
}

/// What handlers share.
#[derive(Clone)]
struct App {
    host: Host,
    /// Ends the streams, which would end by themselves never.
    shutdown: CancellationToken,
}

fn router(host: Host, shutdown: CancellationToken) -> Router {
    Router::new()
        .route("/v1/host", get(info))
        .route("/v1/reservations", post(reserve))
        .route("/v1/reservations/{id}", delete(release_reservation))
        .route("/v1/machines", post(machines::create).get(machines::list))
        .route("/v1/machines/{id}", get(machines::get).put(machines::update).delete(machines::destroy))
        .route("/v1/machines/{id}/start", post(machines::start))
        .route("/v1/machines/{id}/stop", post(machines::stop))
        .route("/v1/machines/{id}/suspend", post(machines::suspend))
        .route("/v1/machines/{id}/restart", post(machines::restart))
        .route("/v1/machines/{id}/signal", post(machines::signal))
        .route("/v1/machines/{id}/cordon", post(machines::cordon))
        .route("/v1/machines/{id}/uncordon", post(machines::uncordon))
        .route("/v1/machines/{id}/versions", get(machines::versions))
        .route("/v1/machines/{id}/metadata", post(machines::set_metadata))
        .route(
            "/v1/machines/{id}/lease",
            post(machines::take_lease).get(machines::lease).delete(machines::release_lease),
        )
        .route("/v1/machines/{id}/wait", get(wait::wait))
        .route("/v1/machines/{id}/exec", post(exec::exec))
        .route("/v1/machines/{id}/exec-stream", get(exec::stream))
        .route("/v1/machines/{id}/listeners", get(guest::listeners))
        .route("/v1/machines/{id}/ps", get(guest::processes))
        .route("/v1/machines/{id}/memory", get(guest::memory))
        .route("/v1/volumes", post(volumes::create).get(volumes::list).delete(volumes::forget))
        .route("/v1/volumes/{id}", get(volumes::get).put(volumes::update).delete(volumes::destroy))
        .route("/v1/volumes/{id}/extend", post(volumes::extend))
        .route("/v1/volumes/{id}/undestroy", post(volumes::undestroy))
        .route("/v1/volumes/{id}/snapshots", get(volumes::snapshots).post(volumes::snapshot))
        .route("/v1/metrics", get(metrics))
        .route("/v1/logs", get(streams::logs).post(append_log))
        .route("/v1/watch", get(streams::watch))
        .route("/v1/images/collect", post(collect_images))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(App { host, shutdown })
}

async fn info(State(app): State<App>) -> Json<HostInfo> {
    Json(app.host.info())
}

async fn metrics(State(app): State<App>, Query(query): Query<machines::ListQuery>) -> Json<String> {
    Json(app.host.ctx().metrics.page(query.app.as_ref()))
}

async fn append_log(State(app): State<App>, Body(lines): Body<AppendLog>) -> Answer<()> {
    app.host.append_log(lines).await?;
    Ok(Json(()))
}

async fn reserve(State(app): State<App>, Body(request): Body<ReserveRequest>) -> Answer<Reservation> {
    Ok(Json(app.host.reserve(&request)?))
}

async fn release_reservation(State(app): State<App>, PathOf(id): PathOf<Ulid>) -> Answer<()> {
    Ok(Json(app.host.release_reservation(id)?))
}

async fn collect_images(State(app): State<App>, Body(request): Body<CollectImages>) -> Answer<Collected> {
    Ok(Json(app.host.collect_images(request.keep).await?))
}

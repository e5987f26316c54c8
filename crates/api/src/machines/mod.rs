//! Machines, as the Machines API has them. Each call ends in the same call of the machine's host.

mod change;
mod exec;
mod filter;
mod inspect;
mod lease;
mod lifecycle;
mod list;
mod metadata;
mod name;
mod org;
mod wait;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

pub use self::{inspect::listener_address, name::name_for};
use crate::api::Api;

pub fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/apps/{app}/machines", get(list::list).post(change::create))
        .route("/v1/orgs/{org}/machines", get(org::list))
        .nest("/v1/apps/{app}/machines/{machine}", routes_of_one())
}

fn routes_of_one() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(list::get).post(change::update).delete(lifecycle::destroy))
        .route("/start", post(lifecycle::start))
        .route("/stop", post(lifecycle::stop))
        .route("/suspend", post(lifecycle::suspend))
        .route("/restart", post(lifecycle::restart))
        .route("/signal", post(lifecycle::signal))
        .route("/cordon", post(lifecycle::cordon))
        .route("/uncordon", post(lifecycle::uncordon))
        .route("/wait", get(wait::wait))
        .route("/exec", post(exec::exec))
        .route("/exec-stream", get(exec::exec_stream))
        .route("/ps", get(inspect::ps))
        .route("/events", get(inspect::events))
        .route("/versions", get(inspect::versions))
        .route("/lease", get(lease::get_lease).post(lease::take_lease).delete(lease::release_lease))
        .route(
            "/metadata",
            get(metadata::metadata).put(metadata::update_metadata).patch(metadata::update_metadata),
        )
        .route(
            "/metadata/{key}",
            get(metadata::metadata_value).post(metadata::set_metadata).delete(metadata::remove_metadata),
        )
}

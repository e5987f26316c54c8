//! Volumes, as the Machines API has them. Each call ends in the same call of the volume's host.

mod change;
mod list;
mod path;
mod snapshots;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post, put},
};

use crate::api::Api;

pub fn routes() -> Router<Arc<Api>> {
    const VOLUME: &str = "/v1/apps/{app}/volumes/{volume}";
    Router::new()
        .route("/v1/apps/{app}/volumes", get(list::of_app).post(change::create))
        .route(VOLUME, get(list::get).put(change::update).delete(change::destroy))
        .route(&format!("{VOLUME}/extend"), put(change::extend))
        .route(&format!("{VOLUME}/undestroy"), post(change::undestroy))
        .route(&format!("{VOLUME}/snapshots"), get(snapshots::list).post(snapshots::create))
        .route("/v1/orgs/{org}/volumes", get(list::of_org))
}

//! The calls that flyctl makes of Fly's web application beside GraphQL: organizations, builds,
//! releases and logs. JSON under `/api/v1`, told from the Machines API (`/v1`) by its path.

mod builders;
mod builds;
mod logs;
mod organizations;
mod releases;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, patch, post},
};

use crate::api::Api;

pub fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v1/organizations", get(organizations::list))
        .route("/api/v1/organizations/{slug}", get(organizations::get))
        .route("/api/v1/organizations/{slug}/builders", post(builders::managed))
        .route("/api/v1/builds", post(builds::begin))
        .route("/api/v1/builds/finish", post(builds::finish))
        .route("/api/v1/builds/depot_builder", post(builders::depot))
        .route("/api/v1/releases", post(releases::create))
        .route("/api/v1/releases/all_current", get(releases::all_current))
        .route("/api/v1/releases/{id}", patch(releases::update))
        .route("/api/v1/apps/{app_name}/releases", get(releases::list))
        .route("/api/v1/apps/{app_name}/logs", get(logs::page))
        .route("/api/v1/apps/{app_name}/releases/current", get(releases::current))
}

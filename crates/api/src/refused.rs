//! Calls that clients know and this server can not answer: each says what to do instead.

use std::sync::Arc;

use axum::{Json, Router, routing};
use roost_api_types::ErrorCode;
use serde_json::{Value, json};

use crate::{
    api::Api,
    error::{ApiError, Result},
    http::AppPath,
};

pub fn routes() -> Router<Arc<Api>> {
    const POLICIES: &str = "/v1/apps/{app}/network_policies";
    Router::new()
        .route("/v1/postgres", routing::post(postgres))
        .route("/v1/postgres/{id}", routing::get(postgres))
        .route("/v1/postgres/{id}/users/{user}/credentials", routing::get(postgres))
        .route(POLICIES, routing::get(policies).post(set_policy))
        .route(&format!("{POLICIES}/{{id}}"), routing::delete(no_policy))
}

async fn postgres() -> ApiError {
    not_supported(
        "this server runs no managed Postgres; run one as an app of your own, with a volume, and set DATABASE_URL as a secret",
    )
}

/// There are none, and none can be made.
async fn policies(AppPath(_): AppPath) -> Json<Value> {
    Json(json!([]))
}

async fn set_policy(AppPath(_): AppPath) -> Result<Json<Value>> {
    Err(not_supported(
        "network policies are not enforced here, so none is taken; put apps that must not reach each other into networks of their own (`network` when the app is created)",
    ))
}

async fn no_policy(AppPath(app): AppPath) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("app \"{}\" has no network policies", app.name))
}

fn not_supported(message: &str) -> ApiError {
    ApiError::new(ErrorCode::Unsupported, message)
}

//! Calls that clients know and this server can not answer: each says what to do instead.

use axum::Json;
use roost_api_types::ErrorCode;
use serde_json::Value;

use crate::{
    error::ApiError,
    http::AppPath,
    openapi::{Routes, call, delete, get, post},
};

pub fn routes() -> Routes {
    const POLICIES: &str = "/v1/apps/{app_name}/network_policies";
    const NO_POSTGRES: &str = "Managed Postgres: refused";
    let list = call("Network_policies_list", "The network policies of an app: none");
    let set = call("Network_policies_set", "Bound what machines reach: refused").refused();
    let remove = call("Network_policies_delete", "Remove a network policy: there is none").refused();
    Routes::new()
        .at("/v1/postgres", post(call("Postgres_create", NO_POSTGRES).refused(), postgres))
        .at("/v1/postgres/{id}", get(call("Postgres_show", NO_POSTGRES).refused(), postgres))
        .at(
            "/v1/postgres/{id}/users/{user}/credentials",
            get(call("Postgres_credentials", NO_POSTGRES).refused(), postgres),
        )
        .at(POLICIES, get(list, policies).post(set, set_policy))
        .at(&format!("{POLICIES}/{{id}}"), delete(remove, no_policy))
}

async fn postgres() -> ApiError {
    ApiError::unsupported(
        "this server runs no managed Postgres; run one as an app of your own, with a volume, and set DATABASE_URL as a secret",
    )
}

/// There are none, and none can be made.
async fn policies(AppPath(_): AppPath) -> Json<Vec<Value>> {
    Json(Vec::new())
}

async fn set_policy(AppPath(_): AppPath) -> ApiError {
    ApiError::unsupported(
        "network policies are not enforced here, so none is taken; put apps that must not reach each other into networks of their own (`network` when the app is created)",
    )
}

async fn no_policy(AppPath(app): AppPath) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("app \"{}\" has no network policies", app.name))
}

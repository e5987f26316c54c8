//! The routes, in the order of the API's document.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::Method,
    middleware,
    routing::{delete, get, post},
};
use roost_api_types::{ErrorCode, MAX_BODY_BYTES};

use crate::{
    api::Api,
    apps,
    auth::{RegistryAuthorizer, authenticate},
    deploys,
    error::ApiError,
    images, logs, machines, releases, secrets, status,
};

pub fn router(api: Arc<Api>) -> Router {
    let authorizer = Arc::new(RegistryAuthorizer { directory: Arc::clone(&api.store.directory) });
    let registry = roost_images::registry::router(Arc::clone(&api.blobs), authorizer);
    let v1 = Router::new()
        .route("/v1/status", get(status::status))
        .route("/v1/images/resolve", post(images::resolve))
        .route("/v1/apps", get(apps::list).post(apps::create))
        .nest("/v1/apps/{app}", app_routes())
        .fallback(no_such_call)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&api), authenticate))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(api);
    Router::new().route("/healthz", get(|| async { "ok\n" })).merge(registry).fallback_service(v1)
}

fn app_routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(apps::get).delete(apps::delete))
        .route("/machines", get(machines::list).post(machines::create))
        .nest("/machines/{machine}", machine_routes())
        .route("/secrets", get(secrets::list).post(secrets::update))
        .route("/secrets/deploy", post(secrets::deploy))
        .route("/secrets/{name}", get(secrets::get).post(secrets::set).delete(secrets::unset))
        .route("/releases", get(releases::list).post(releases::create))
        .route("/releases/{version}", get(releases::get))
        .route("/releases/{version}/watch", get(deploys::watch_release))
        .route("/rollback", post(releases::rollback))
        .route("/scale", post(releases::scale))
        .route("/deploys", get(deploys::list))
        .route("/deploys/{number}", get(deploys::get))
        .route("/deploys/{number}/watch", get(deploys::watch))
        .route("/logs", get(logs::logs))
}

fn machine_routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(machines::get).post(machines::update).delete(machines::destroy))
        .route("/start", post(machines::start))
        .route("/stop", post(machines::stop))
        .route("/restart", post(machines::restart))
        .route("/signal", post(machines::signal))
        .route("/cordon", post(machines::cordon))
        .route("/uncordon", post(machines::uncordon))
        .route("/wait", get(machines::wait))
        .route("/exec", post(machines::exec))
        .route("/exec-stream", get(machines::exec_stream))
        .route("/ps", get(machines::ps))
        .route("/events", get(machines::events))
        .route("/lease", get(machines::get_lease).post(machines::take_lease).delete(machines::release_lease))
        .route("/metadata", get(machines::metadata))
        .route("/metadata/{key}", post(machines::set_metadata))
        .route("/metadata/{key}", delete(machines::remove_metadata))
}

async fn no_such_call(uri: axum::http::Uri) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("the API has no call {}", uri.path()))
}

async fn wrong_method(method: Method, uri: axum::http::Uri) -> ApiError {
    ApiError::invalid(format!("{} does not take {method}", uri.path()))
}

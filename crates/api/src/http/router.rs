//! The routes of the whole API: each resource has its own `routes`.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, http::Method, middleware, routing::get};
use roost_api_types::{ErrorCode, MAX_BODY_BYTES};

use super::request_id::request_id;
use crate::{
    addresses,
    api::Api,
    apps, audit,
    auth::{RegistryAuthorizer, authenticate},
    certificates, deploys,
    error::ApiError,
    graphql, images, login, logs, machines, metrics, oidc,
    openapi::{self, Routes},
    orgs, platform, refused, releases, secret_keys, secrets, status, tokens, ui_ex, volumes,
};

pub fn router(api: Arc<Api>) -> Router {
    let authorizer = Arc::new(RegistryAuthorizer { api: Arc::clone(&api) });
    let registry = roost_images::registry::router(Arc::clone(&api.blobs), authorizer);
    let Routes { router, operations } = with_token();
    let document = openapi::document(&operations);
    let with_token = behind_token(router.fallback(no_such_call), &api, MAX_BODY_BYTES);
    let graphql = behind_token(graphql::routes(), &api, graphql::MAX_DOCUMENT_BYTES)
        .layer(middleware::from_fn(graphql::in_band));
    Router::new()
        .merge(without_token(&api))
        .merge(openapi::route(&document))
        .merge(registry)
        .merge(graphql)
        .fallback_service(with_token)
        .layer(middleware::from_fn(request_id))
}

/// What everybody may call.
fn without_token(api: &Arc<Api>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .merge(login::routes(Arc::clone(api)))
        .merge(oidc::public_routes(Arc::clone(api)))
}

fn behind_token(routes: Router<Arc<Api>>, api: &Arc<Api>, max_body_bytes: usize) -> Router {
    routes
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(api), authenticate))
        .layer(DefaultBodyLimit::max(max_body_bytes))
        .with_state(Arc::clone(api))
}

/// What needs an API token. One line a resource, in the order of the alphabet.
fn with_token() -> Routes {
    Routes::new()
        .merge(addresses::routes())
        .merge(apps::routes())
        .merge(audit::routes())
        .merge(certificates::routes())
        .merge(deploys::routes())
        .merge(images::routes())
        .merge(logs::routes())
        .merge(machines::routes())
        .merge(metrics::routes())
        .merge(oidc::routes())
        .merge(orgs::routes())
        .merge(platform::routes())
        .merge(refused::routes())
        .merge(releases::routes())
        .merge(secret_keys::routes())
        .merge(secrets::routes())
        .merge(status::routes())
        .merge(tokens::routes())
        .undocumented(ui_ex::routes())
        .merge(volumes::routes())
}

async fn no_such_call(uri: axum::http::Uri) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("the API has no call {}", uri.path()))
}

async fn wrong_method(method: Method, uri: axum::http::Uri) -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, format!("{} does not take {method}", uri.path()))
}

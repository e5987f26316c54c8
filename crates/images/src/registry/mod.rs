//! The platform's own registry: OCI distribution 1.1 over a folder.
//!
//! Responsible for: the protocol, uploads, tags, referrers, its own short-lived tokens, collection
//! of what nothing refers to. Not for: who may do what, which an `Authorizer` decides.
//!
//! A blob is kept once however many repositories have it, and is seen only through a repository
//! that it was pushed or mounted to.

mod access;
mod auth;
mod blobs;
mod error;
mod listing;
mod manifests;
mod store;
mod token;
mod uploads;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::Method,
    response::{IntoResponse, Response},
    routing::{any, get},
};

pub use auth::{Access, Authorizer, Credentials, Denied};
pub use store::{BlobStore, Swept, Usage};

use crate::path::{self, Target};
use error::RegistryError;

/// What every request works with.
struct Registry {
    store: Arc<BlobStore>,
    auth: Arc<dyn Authorizer>,
    tokens: token::Signer,
}

/// The routes, under `/v2`: merge them into a router that is served at the root.
pub fn router(store: Arc<BlobStore>, auth: Arc<dyn Authorizer>) -> Router {
    let registry = Arc::new(Registry { store, auth, tokens: token::Signer::new() });
    Router::new()
        .route("/v2", any(version))
        .route("/v2/", any(version))
        .route("/v2/token", get(token::issue))
        .route("/v2/{*rest}", any(dispatch))
        .with_state(registry)
}

/// Says that this is a registry, and whether the credentials are good.
async fn version(State(registry): State<Arc<Registry>>, request: Request) -> Response {
    match access::check(&registry, request.headers(), None, Access::Pull).await {
        Ok(()) => ([("docker-distribution-api-version", "registry/2.0")], axum::Json(serde_json::json!({})))
            .into_response(),
        Err(error) => error.into_response(),
    }
}

async fn dispatch(State(registry): State<Arc<Registry>>, request: Request) -> Response {
    match handle(&registry, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn handle(registry: &Registry, request: Request) -> Result<Response, RegistryError> {
    let (repository, target) = path::parse(request.uri().path())?;
    let access = access_of(request.method(), &target);
    access::check(registry, request.headers(), Some(&repository), access).await?;
    let method = request.method().clone();
    match (target, method) {
        (Target::Blob(digest), Method::GET | Method::HEAD) => {
            blobs::read(registry, repository, digest, request).await
        }
        (Target::Blob(digest), Method::DELETE) => blobs::delete(registry, repository, digest).await,
        (Target::Uploads, Method::POST) => uploads::begin(registry, repository, request).await,
        (Target::Upload(id), Method::PATCH) => uploads::append(registry, repository, id, request).await,
        (Target::Upload(id), Method::PUT) => uploads::finish(registry, repository, id, request).await,
        (Target::Upload(id), Method::GET) => uploads::status(registry, repository, id).await,
        (Target::Upload(id), Method::DELETE) => uploads::cancel(registry, repository, id).await,
        (Target::Manifest(reference), Method::GET | Method::HEAD) => {
            manifests::read(registry, repository, reference).await
        }
        (Target::Manifest(reference), Method::PUT) => {
            manifests::write(registry, repository, reference, request).await
        }
        (Target::Manifest(reference), Method::DELETE) => {
            manifests::delete(registry, repository, reference).await
        }
        (Target::Tags, Method::GET) => listing::tags(registry, repository, request).await,
        (Target::Referrers(digest), Method::GET) => {
            listing::referrers(registry, repository, digest, request).await
        }
        _ => Err(RegistryError::method()),
    }
}

fn access_of(method: &Method, target: &Target) -> Access {
    match (method, target) {
        (&Method::DELETE, Target::Upload(_)) => Access::Push,
        (&Method::DELETE, _) => Access::Delete,
        (_, Target::Uploads | Target::Upload(_)) => Access::Push,
        (&Method::PUT, _) => Access::Push,
        _ => Access::Pull,
    }
}

//! The platform's own registry: OCI distribution 1.1 over a folder.
//!
//! Responsible for: the protocol, uploads, tags, referrers, its own short-lived tokens, collection
//! of what nothing refers to. Not for: who may do what, which an `Authorizer` decides.

mod auth;
mod blob_store;

use std::sync::Arc;

use axum::Router;

pub use auth::{Access, Authorizer, Credentials, Denied};
pub use blob_store::{BlobStore, Swept, Usage};

/// The routes, under `/v2`: merge them into a router that is served at the root.
pub fn router(store: Arc<BlobStore>, auth: Arc<dyn Authorizer>) -> Router {
    let _ = (store, auth);
    Router::new()
}

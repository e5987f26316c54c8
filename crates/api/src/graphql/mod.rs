//! GraphQL: one call that takes documents. The schema is a crate of its own (`roost-graphql`); here
//! is what its questions mean on this platform, a family a file.
//!
//! Clients of GraphQL expect status 200 whatever happens, and the error in the body: [`in_band`]
//! sees to that, for whatever refuses a request before it is a document.

mod access;
mod accounts;
mod addresses;
mod apps;
mod change;
mod hosts;
mod images;
mod in_band;
mod releases;
mod session;
mod tokens;

use std::sync::Arc;

use axum::{Extension, Json, Router, extract::State, response::IntoResponse, routing::post};
use roost_graphql::Document;

pub use self::in_band::in_band;
use self::session::Session;
use crate::{api::Api, audit::About, auth::Caller, http::Body};

/// A document with its variables. The longest of flyctl has 5 KB.
pub const MAX_DOCUMENT_BYTES: usize = 256 << 10;

pub fn routes() -> Router<Arc<Api>> {
    Router::new().route("/graphql", post(execute))
}

async fn execute(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(document): Body<Document>,
) -> impl IntoResponse {
    let about = About { action: change::of(&document.query), ..About::default() };
    let session = Arc::new(Session { api: Arc::clone(&api), caller });
    (Extension(about), Json(api.graphql.execute(document, session).await))
}

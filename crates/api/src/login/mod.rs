//! Logging in from a command line, with a browser in between.
//!
//! ```text
//!  command line                     api                          browser
//!   POST /api/v1/cli_sessions ─────► an open login
//!   shows its URL  ────────────────────────────────────────────► GET  /auth/cli/{id}
//!                                    who? which computer? ◄────── POST /auth/cli/{id}: yes, by a token
//!   POST …/{id}/redeem  ◄──────────── completion code ──────────  (or typed in by hand)
//!     code + PKCE verifier ────────► a token of its own
//! ```
//!
//! A client without PKCE polls `GET …/{id}` instead. Open logins and browser sessions live in memory,
//! bounded: a restart ends them, and one logs in again. Not responsible for what a login may do: `auth`.

mod approve;
mod browser;
mod cli;
mod page;
mod pending;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, routing};

pub use self::{browser::BrowserSessions, pending::Logins};
use crate::api::Api;

/// Forms and small JSON bodies from people who have not shown who they are.
const MAX_BODY_BYTES: usize = 16 << 10;

/// Calls that need no token.
pub fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/v1/cli_sessions", routing::post(cli::begin))
        .route("/api/v1/cli_sessions/{id}", routing::get(cli::poll))
        .route("/api/v1/cli_sessions/{id}/redeem", routing::post(cli::redeem))
        .route("/api/v1/sessions", routing::post(cli::password))
        .route("/auth/cli/{id}", routing::get(approve::show).post(approve::answer))
        .route("/auth/sign-out", routing::post(approve::sign_out))
        .route("/auth/style.css", routing::get(page::style))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(api)
}

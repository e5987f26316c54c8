//! Requests that their apps want served elsewhere.
//!
//! ```text
//!  kept for this path or session? ──► leg ──► exchange ──► answer without a wish: the client's
//!                                      ▲         │ fly-replay
//!                                      └─ next ◄─┴──► keep for others
//! ```
//!
//! Responsible for: finding the wish in an answer, and taking its request along the legs that
//! [`roost_routing::replay`] decides. A leg on which no machine is reached leads back, when the app asked for that.

mod cache;
mod trip;
mod wish;

pub(crate) use self::{cache::ReplayCache, trip::Trip, wish::Wish};

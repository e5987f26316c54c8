//! The GraphQL face of the platform: the part of the schema that flyctl reads and writes.
//!
//! Responsible for: names, types and shapes, executing documents, and the limits of one document.
//! Not responsible for: what the answers are (the [`Platform`] that a document is executed
//! against), who calls, and HTTP. A crate of its own because its derives take long to compile.
//!
//! The story: [`Executor::execute`] reads a document → [`query`] or [`mutation`] finds the first
//! object → [`types`] fill in what was asked, each asking the platform only for what the document
//! names.

mod executor;
mod mutation;
pub mod platform;
mod query;
pub mod scalar;
pub mod types;

pub use async_graphql::ID;

pub use self::{
    executor::{Document, Executor, refused},
    platform::{Answer, Code, Platform, Refusal},
};

//! The API's OpenAPI document: made from the table that the router is made from, and from the signatures of
//! the handlers that answer.
//!
//! Responsible for: that table (`routes`), what a handler takes and answers (`signature`), the schemas of bodies
//! (`schemas`), and the document (`document`). Not responsible for: rights, which `auth::routes` knows and the
//! document repeats. What only flyctl and browsers call (`/graphql`, `/api/v1`, the pages of a login) has
//! documents of its own, or none.

mod document;
mod routes;
mod schemas;
mod signature;

pub use self::{
    document::{document, route},
    routes::{Call, Operation, Routes, call, delete, get, patch, post, put},
    schemas::Schemas,
    signature::{Input, Signature},
};

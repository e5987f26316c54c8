//! What strangers say over a wire, read and written without any IO.
//!
//! Responsible for: where a message ends, what it says, and what is answered: the PROXY protocol, the first words of
//! Postgres clients, frames of WebSockets, fields of HTTP, questions to the resolver, pages of metrics. Everything
//! here takes bytes and gives values back, so that each of it is fuzzed (`fuzz/README.md`).
//!
//! Not responsible for: reading and writing sockets, time limits, and what follows from what was said; that is the
//! roles' own.

pub mod front;
pub mod postgres;
pub mod proxy_protocol;
pub mod websocket;

pub mod accept_encoding;
pub mod answer;
pub mod authorization;
pub mod challenge;
pub mod cookie;
pub mod fields;
pub mod host;

pub mod dns;
pub mod exposition;

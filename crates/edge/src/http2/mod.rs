//! HTTP/2 from clients: many requests at once on one connection, after TLS agreed on it or where a client begins
//! with it.
//!
//! ```text
//!  connection: streams ─► requests: a place for each ─► request: one stream ─► request::handle
//!       │ keep_alive, marks                                   │ body: what the client sends
//!       └ given_up                                       │ go_ahead: `100 Continue`
//!                                                        └ tunnel: a stream that is a WebSocket from now on
//! ```
//!
//! One task carries a connection with all of its requests: what has come for any of them is looked at in one turn, and
//! what goes out is written in one. Frames, windows and HPACK are h2's; from [`crate::request`] on nothing is different.

mod body;
mod connection;
mod given_up;
mod go_ahead;
mod keep_alive;
mod marks;
mod request;
mod requests;
mod sending;
mod tunnel;

pub(crate) use self::{
    body::StreamBody,
    connection::serve,
    tunnel::{Promised, Tunnel},
};

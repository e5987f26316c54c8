//! HTTP/1.1 with clients: hyper speaks it, and this module watches over it.
//!
//! ```text
//!  client ◄─► Guarded: what moves ◄─► hyper ◄─► requests, answers: Entry each
//!                  └───────► Ledger ◄────────────────┘
//!                              │ every second
//!                              ▼
//!              nothing under way: hyper is taken apart, the bare connection comes back
//! ```
//!
//! Responsible for: giving a connection back once it has been quiet for a while, and an answer of the edge's own to
//! those who do not speak HTTP. Not responsible for: what happens to it then ([`crate::parking`]), and requests.

mod accounted;
mod connection;
mod guarded;
mod ledger;
mod refusal;
mod watch;

pub(crate) use self::{
    connection::{End, serve, upgraded},
    ledger::Entry,
};

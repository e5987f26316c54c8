//! A server replaced by another one, on the same data folder, without a connection refused or cut.
//!
//! ```text
//!  SIGHUP ─► old: starts the program that is at its path now, with its own arguments
//!    old ── listening sockets ──────────────────────────► new    reads its configuration
//!    old ◄─ "prepared" ────────────────────────────────── new
//!    old: ends api, host, dns; its edge goes on
//!    old ── "released", requests in flight by machine ──► new    takes the data folder, starts every role
//!    old ◄─ "serving" ─────────────────────────────────── new    accepts
//!    old: accepts no more, tells every moment what it still carries, ends when that has ended
//! ```
//!
//! A new server that fails before it serves leaves the old one as it was: it takes its roles back. Responsible for:
//! this talk, over one unix socket, which is the new server's standard input. Not responsible for: sockets
//! themselves (`roost_edge::Sockets`), or how roles start and end (`control.rs`).

mod descriptors;
mod predecessor;
mod successor;

use std::{collections::BTreeMap, time::Duration};

use roost_model::{AppName, MachineId};
use serde::{Deserialize, Serialize};

pub use predecessor::Predecessor;
pub use successor::{Launch, Successor};

/// For the new server to read its configuration.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(30);

/// For the new server to serve: its host finds its machines again, and may try a boot.
const SERVE_TIMEOUT: Duration = Duration::from_secs(180);

/// Between two reports of what the old server still carries.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// One line; more is no message of ours. Room for a node's machines.
const LONGEST_LINE: u64 = 4 << 20;

/// Requests in flight, of machines that have some.
type Loads = BTreeMap<AppName, BTreeMap<MachineId, u32>>;

/// What the old server says. The first message is followed by the sockets.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToNew {
    Sockets(Vec<String>),
    Released(Loads),
    Carrying(Loads),
}

/// What the new server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToOld {
    Prepared,
    Serving,
}

//! What the edge is told at start.

use std::time::Duration;

use roost_model::{HostId, Region};
use tokio::net::TcpListener;

/// Settings of one node's edge.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Apps answer at `<app>.<base domain>`; lower case, without dots at its ends.
    pub base_domain: String,
    /// The node's own host: its machines are reached directly.
    pub host: HostId,
    pub region: Region,
    /// A machine that has had nothing to do for this long is stopped, if its services say so.
    pub idle_after: Duration,
    /// How long a request may wait for a machine: to start, to become healthy, to have room.
    pub patience: Duration,
    /// Open client connections; the next one waits to be accepted.
    pub max_connections: usize,
    /// How long requests in flight may go on after the edge was told to stop.
    pub shutdown_grace: Duration,
}

impl EdgeConfig {
    /// The defaults, which suit one box.
    pub fn new(base_domain: impl Into<String>, host: HostId, region: Region) -> Self {
        Self {
            base_domain: base_domain.into(),
            host,
            region,
            idle_after: Duration::from_secs(10),
            patience: Duration::from_secs(60),
            max_connections: 8192,
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

/// A bound socket that speaks HTTP.
#[derive(Debug)]
pub struct Listener {
    pub socket: TcpListener,
    /// The public port of fly.toml that it stands for; 80 even where root is missing to bind it.
    pub public_port: u16,
}

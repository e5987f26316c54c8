//! What the server is told at start.

use std::{net::SocketAddr, path::PathBuf};

use roost_model::addr;

/// Settings of one node's DNS server.
#[derive(Debug, Clone)]
pub struct DnsConfig {
    /// Where guests ask; UDP and TCP.
    pub listen: SocketAddr,
    /// Resolvers that answer everything else; empty: those of `resolv_conf`.
    pub upstreams: Vec<SocketAddr>,
    pub resolv_conf: PathBuf,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            listen: (addr::DNS, 53).into(),
            upstreams: Vec::new(),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
        }
    }
}

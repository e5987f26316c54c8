//! Where the asker stands: which nodes it can reach, and how far they are.

use std::{collections::HashMap, time::Duration};

use roost_model::HostId;

/// The node that asks, and its paths to the others.
#[derive(Debug, Clone)]
pub struct Vantage {
    /// Machines of this host are reached directly.
    pub host: HostId,
    /// Round trips to the edges of other nodes. A node that is not listed cannot be reached.
    pub paths: HashMap<HostId, Duration>,
}

impl Vantage {
    /// The only node there is, or that can be reached.
    pub fn alone(host: HostId) -> Self {
        Self { host, paths: HashMap::new() }
    }

    /// Round trip to a machine's node; zero for the own one, `None` when there is no path.
    pub fn distance(&self, host: &HostId) -> Option<Duration> {
        if *host == self.host {
            return Some(Duration::ZERO);
        }
        self.paths.get(host).copied()
    }
}

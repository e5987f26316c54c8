//! What every request of one edge shares.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use roost_catalog::Catalog;
use roost_host_api::HostClient;
use roost_routing::Vantage;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::{EdgeConfig, pool::Pool, queue::Queues, wake::Wakes};

pub(crate) struct Edge {
    pub config: EdgeConfig,
    pub catalog: Catalog,
    /// The node's own host.
    pub host: HostClient,
    pub vantage: Vantage,
    pub pool: Pool,
    pub wakes: Wakes,
    pub queues: Queues,
    /// Connections, tunnels and stops in progress.
    pub tasks: TaskTracker,
    /// The region as a header value.
    pub region: HeaderValue,
    started: Instant,
}

impl Edge {
    pub fn new(config: EdgeConfig, catalog: Catalog, host: HostClient) -> Arc<Self> {
        let region = HeaderValue::from_str(config.region.as_str())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Arc::new(Self {
            vantage: Vantage::alone(config.host.clone()),
            config,
            catalog,
            host,
            region,
            pool: Pool::default(),
            wakes: Wakes::default(),
            queues: Queues::default(),
            tasks: TaskTracker::new(),
            started: Instant::now(),
        })
    }

    /// Time since the edge began: the clock of machines' activity.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

//! What every request of one edge shares.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use roost_catalog::Catalog;
use roost_host_api::HostClient;
use roost_model::AppName;
use roost_routing::Vantage;
use roost_seal::MasterKey;
use tokio::{runtime::Handle, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    EdgeConfig, EdgeError, EdgeParts, Sockets, app_log::AppLog, arrivals::Arrivals, failure::Failure,
    headers::RequestId, metrics::NodeCounts, parking::Lot, pool::Pool, queue::Queues, replay::ReplayCache,
    request_body::Room, shared::SharedConnections, tls::Tls, tunnels::Tunnels, wake::Wakes,
};

pub(crate) struct Edge {
    pub config: EdgeConfig,
    pub catalog: Catalog,
    /// The node's own host.
    pub host: HostClient,
    pub vantage: Vantage,
    pub pool: Pool,
    pub shared: SharedConnections,
    pub tunnels: Tunnels,
    pub wakes: Wakes,
    pub queues: Queues,
    pub replays: ReplayCache,
    pub app_log: AppLog,
    pub counts: NodeCounts,
    /// For bodies that may have to be sent again.
    pub room: Arc<Room>,
    pub arrivals: Arc<Arrivals>,
    pub tls: Tls,
    /// Opens certificates' keys; without it there are only the edge's own certificates.
    pub keys: Option<Arc<MasterKey>>,
    pub sockets: Sockets,
    /// The public port of a listener that speaks TLS, if there is one.
    pub https_port: Option<u16>,
    /// Tells clients in TLS that there is HTTP/3, too.
    pub alternative: Option<HeaderValue>,
    /// The event loops that carry connections, and where each keeps those that wait.
    pub workers: Vec<Handle>,
    pub lots: Vec<Arc<Lot>>,
    /// Connections, tunnels and stops in progress.
    pub tasks: TaskTracker,
    /// The region as a header value.
    pub region: HeaderValue,
    started: Instant,
}

/// Where clients reach the edge by itself, and not an app's own port.
pub(crate) struct Ports {
    pub https: Option<u16>,
    pub http3: Option<u16>,
}

/// As `Alt-Svc` (RFC 7838); a day, after which a client asks again.
fn alternative(port: u16) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("h3=\":{port}\"; ma=86400")).ok()
}

impl Edge {
    pub fn new(
        config: EdgeConfig,
        parts: EdgeParts,
        ports: Ports,
        shutdown: CancellationToken,
        workers: Vec<Handle>,
    ) -> Result<Arc<Self>, EdgeError> {
        let lots = workers.iter().map(|worker| {
            let _inside = worker.enter();
            Lot::new().map(Arc::new)
        });
        let lots = lots.collect::<Result<_, _>>().map_err(EdgeError::Threads)?;
        let EdgeParts { catalog, host, keys, sockets, .. } = parts;
        let region = HeaderValue::from_str(config.region.as_str())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Ok(Arc::new(Self {
            arrivals: Arrivals::new(config.client_limits),
            tls: Tls::new(&config.base_domain)?,
            keys,
            sockets,
            https_port: ports.https,
            alternative: ports.http3.and_then(alternative),
            workers,
            lots,
            vantage: Vantage::alone(config.host.clone()),
            config,
            catalog,
            host,
            region,
            pool: Pool::default(),
            shared: SharedConnections::default(),
            tunnels: Tunnels::new(shutdown),
            wakes: Wakes::default(),
            queues: Queues::default(),
            replays: ReplayCache::default(),
            app_log: AppLog::default(),
            counts: NodeCounts::default(),
            room: Arc::default(),
            tasks: TaskTracker::new(),
            started: Instant::now(),
        }))
    }

    /// Time since the edge began: the clock of machines' activity.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Counts a request that no machine answered, and tells the app's owner.
    pub fn not_served(&self, app: &AppName, request: Option<&RequestId>, took: Duration, failure: &Failure) {
        if let Some(entry) = self.catalog.load().app(app) {
            entry.traffic.counts().edge.count(failure.code.status().as_u16(), took);
            let request = request.map(|id| format!(" (request {})", id.as_str())).unwrap_or_default();
            self.app_log.tell(app, None, format!("not served: {failure}{request}"));
        }
    }
}

//! What the edge is told at start.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use roost_catalog::Catalog;
use roost_host_api::HostClient;
use roost_model::{AppName, HostId, Region, addr};
use roost_seal::MasterKey;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

use crate::{Handover, Loops, QuicListener, SlowClients, Sockets, arrivals::ClientLimits, limits};

/// `EAFNOSUPPORT` of Linux.
const NO_SUCH_FAMILY: i32 = 97;

/// Connections that wait to be accepted; as many as other listeners have.
const BACKLOG: u32 = 1024;

/// What the edge works with.
pub struct EdgeParts {
    /// Must be followed by somebody.
    pub catalog: Catalog,
    /// The node's own.
    pub host: HostClient,
    /// Opens the keys of certificates.
    pub keys: Option<Arc<MasterKey>>,
    /// None: HTTP/3 is not spoken.
    pub quic: Vec<QuicListener>,
    /// Where sockets for apps' ports come from.
    pub sockets: Sockets,
}

/// Open client connections, unless the configuration says otherwise: two descriptors each.
pub const DEFAULT_MAX_CONNECTIONS: usize = 8192;

/// What one app may have of a node's connections, unless the configuration says otherwise: three of four. An app that
/// everybody asks has room, and the others have some left.
pub fn share_of_one_app(max_connections: usize) -> u32 {
    u32::try_from(max_connections / 4 * 3).unwrap_or(u32::MAX).max(1)
}

/// As many threads as the box has cores for this process.
pub fn default_threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

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
    /// Threads that carry connections.
    pub threads: NonZeroUsize,
    /// Open client connections; the next one waits to be accepted.
    pub max_connections: usize,
    /// Those of one app's clients at once; more are turned away.
    pub max_connections_per_app: u32,
    /// For the whole head of a request, and between two requests on one connection.
    pub head_timeout: Duration,
    /// Of uploads, and of answers.
    pub slow_clients: SlowClients,
    /// How long nothing may move in a tunnel, unless its app says otherwise.
    pub tunnel_idle: Duration,
    /// Most that one client's address may ask for.
    pub client_limits: ClientLimits,
    /// Proxies in front: each connection from them begins with a PROXY header that says whose it is.
    pub proxies: Vec<IpNet>,
    /// Where ports of apps' services are opened; `[::]` is every address of the box.
    pub services_address: IpAddr,
    /// Names below the base domain that have no certificate are served with one that nobody vouches for.
    pub self_signed: bool,
    /// Where Prometheus may ask for `/metrics`; nowhere when absent.
    pub metrics: Option<SocketAddr>,
    /// How long requests in flight may go on after the edge was told to stop.
    pub shutdown_grace: Duration,
    /// Says that they may go on for longer, for another process accepts new ones.
    pub handover: Handover,
    /// Tells which event loops the edge has.
    pub loops: Loops,
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
            threads: default_threads(),
            max_connections: DEFAULT_MAX_CONNECTIONS,
            max_connections_per_app: share_of_one_app(DEFAULT_MAX_CONNECTIONS),
            head_timeout: limits::HEAD_TIMEOUT,
            slow_clients: SlowClients::default(),
            tunnel_idle: limits::TUNNEL_IDLE,
            client_limits: ClientLimits::default(),
            proxies: Vec::new(),
            services_address: Ipv6Addr::UNSPECIFIED.into(),
            self_signed: false,
            metrics: None,
            shutdown_grace: Duration::from_secs(10),
            handover: Handover::default(),
            loops: Loops::default(),
        }
    }

    /// How long what is open may go on, now that the edge ends.
    pub(crate) fn grace(&self) -> Duration {
        self.handover.limit().unwrap_or(self.shutdown_grace)
    }

    pub(crate) fn is_trusted_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|proxies| proxies.contains(&peer))
    }
}

/// A bound socket, and what is spoken on it.
#[derive(Debug)]
pub struct Listener {
    pub socket: TcpListener,
    /// The public port of fly.toml that it stands for; 80 even where root is missing to bind it.
    pub public_port: u16,
    pub kind: ListenerKind,
}

impl Listener {
    /// A socket for one; `[::]` takes IPv4 as well, and is all of IPv4 on a box without IPv6.
    pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        if address.ip() == addr::DNS {
            return Self::bind_inside(address);
        }
        match TcpListener::bind(address).await {
            Err(error) if error.raw_os_error() == Some(NO_SUCH_FAMILY) && address.ip().is_unspecified() => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
            }
            bound => bound,
        }
    }

    /// The address is there as soon as the box's host has started, which may be later.
    fn bind_inside(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = TcpSocket::new_v6()?;
        socket.set_reuseaddr(true)?;
        SockRef::from(&socket).set_freebind_v6(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenerKind {
    Http,
    /// HTTP in TLS.
    Https,
    /// Either of them, or bytes in TLS; the client's words tell apps apart.
    Shared,
    /// One app's alone, and what its service says.
    Of(AppName),
    /// Where the host's rules lead what machines send to apps' addresses on their networks: app and port are those that
    /// the client meant.
    Inside,
}

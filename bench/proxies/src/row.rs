//! What is measured, one row of the table each.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use rustls::RootCertStore;
use tokio::time::sleep;

use crate::{
    counted,
    load::{
        Done, Transport, bodies, connections,
        h2load::{self, Kind},
        idle, websocket,
    },
    peer::Running,
};

/// Connections that wait while memory is counted.
const IDLE: usize = 5_000;

/// Before memory is counted: what a proxy gives back, it gives back by now.
const SETTLED: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    Http1,
    Tls,
    Http2,
    Connections,
    Handshakes,
    Resumptions,
    Download,
    Upload,
    WebSocket,
    Idle,
    TlsIdle,
}

/// One round of one proxy.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Microseconds of CPU for a request, or bytes for an idle connection.
    pub cost: f64,
    pub p50: Duration,
    pub p99: Duration,
}

impl Row {
    pub const ALL: [Self; 11] = [
        Self::Http1,
        Self::Tls,
        Self::Http2,
        Self::Connections,
        Self::Handshakes,
        Self::Resumptions,
        Self::Download,
        Self::Upload,
        Self::WebSocket,
        Self::Idle,
        Self::TlsIdle,
    ];

    /// Begins the row's key in the last line.
    pub fn key(self) -> &'static str {
        match self {
            Self::Http1 => "http1_cpu",
            Self::Tls => "tls_cpu",
            Self::Http2 => "h2_cpu",
            Self::Connections => "connection_cpu",
            Self::Handshakes => "handshake_cpu",
            Self::Resumptions => "resumption_cpu",
            Self::Download => "download_cpu",
            Self::Upload => "upload_cpu",
            Self::WebSocket => "websocket_cpu",
            Self::Idle => "idle_memory",
            Self::TlsIdle => "tls_idle_memory",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1, kept connections",
            Self::Tls => "HTTP/1.1 over TLS, kept connections",
            Self::Http2 => "HTTP/2 over TLS",
            Self::Connections => "HTTP/1.1, a connection each",
            Self::Handshakes => "TLS 1.3, a full handshake each",
            Self::Resumptions => "TLS 1.3, a resumption each",
            Self::Download => "1 MB to the client",
            Self::Upload => "1 MB to the app",
            Self::WebSocket => "WebSocket, there and back",
            Self::Idle => "an idle connection",
            Self::TlsIdle => "an idle connection over TLS",
        }
    }

    pub fn unit(self) -> &'static str {
        if self.is_memory() { "bytes" } else { "us CPU" }
    }

    fn is_memory(self) -> bool {
        matches!(self, Self::Idle | Self::TlsIdle)
    }

    /// Requests of one round: a second or two of the proxy's CPU.
    fn count(self) -> usize {
        match self {
            Self::Http1 | Self::Tls | Self::Http2 => 50_000,
            Self::WebSocket => 60_000,
            Self::Connections => 10_000,
            Self::Handshakes | Self::Resumptions => 2_000,
            Self::Download | Self::Upload => 1_000,
            Self::Idle | Self::TlsIdle => IDLE,
        }
    }

    /// Loads the proxy, which has just been started.
    pub async fn measure(self, proxy: &Running, roots: &Arc<RootCertStore>, folder: &Path) -> Result<Sample> {
        if self.is_memory() {
            return self.memory(proxy, roots).await;
        }
        // Code, pools and tickets are there before what counts.
        self.load(proxy, roots, folder, self.count() / 20).await?;
        let before = counted::cpu_time(proxy.pid())?;
        let done = self.load(proxy, roots, folder, self.count()).await?;
        let spent = counted::cpu_time(proxy.pid())? - before;
        let cost = spent.as_secs_f64() * 1e6 / done.requests as f64;
        Ok(Sample { cost, p50: done.p50, p99: done.p99 })
    }

    async fn load(
        self,
        proxy: &Running,
        roots: &Arc<RootCertStore>,
        folder: &Path,
        count: usize,
    ) -> Result<Done> {
        let (http, https): (SocketAddr, SocketAddr) = (proxy.http, proxy.https);
        match self {
            Self::Http1 => h2load::run(http, Kind::Http1, count, folder).await,
            Self::Tls => h2load::run(https, Kind::Http1Tls, count, folder).await,
            Self::Http2 => h2load::run(https, Kind::Http2, count, folder).await,
            Self::Connections => connections::run(http, || Transport::Plain, count).await,
            Self::Handshakes => connections::run(https, || Transport::full(roots), count).await,
            Self::Resumptions => connections::run(https, || Transport::resuming(roots), count).await,
            Self::Download => bodies::run(http, bodies::Direction::Down, count).await,
            Self::Upload => bodies::run(http, bodies::Direction::Up, count).await,
            Self::WebSocket => websocket::run(http, count).await,
            Self::Idle | Self::TlsIdle => unreachable!("memory is measured elsewhere"),
        }
    }

    async fn memory(self, proxy: &Running, roots: &Arc<RootCertStore>) -> Result<Sample> {
        let (address, transport) = match self {
            Self::TlsIdle => (proxy.https, Transport::full(roots)),
            _ => (proxy.http, Transport::Plain),
        };
        // What is there once, whoever comes.
        drop(idle::open(address, &transport, 16).await?);
        sleep(SETTLED).await;
        let before = counted::resident(proxy.pid())?;
        let open = idle::open(address, &transport, self.count()).await?;
        sleep(SETTLED).await;
        let more = counted::resident(proxy.pid())?.saturating_sub(before);
        let cost = more as f64 / open.len() as f64;
        Ok(Sample { cost, p50: Duration::ZERO, p99: Duration::ZERO })
    }
}

//! Load, in exact numbers of requests: h2load for what it can do, our own for the rest.

pub mod bodies;
pub mod connections;
pub mod exchange;
pub mod h2load;
pub mod idle;
pub mod websocket;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use rustls::{ClientConfig, RootCertStore, client::Resumption, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::TlsConnector;

use crate::certificate::HOST_NAME;

/// Bytes of the two bodies that there are.
pub const SMALL_BODY: usize = 100;
pub const LARGE_BODY: usize = 1024 * 1024;

/// What a load saw.
#[derive(Debug, Clone, Copy)]
pub struct Done {
    pub requests: u64,
    pub p50: Duration,
    pub p99: Duration,
}

impl Done {
    fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
        Self { requests: latencies.len() as u64, p50: at(50), p99: at(99) }
    }
}

/// A connection of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Whether TLS is spoken, and whether sessions are resumed.
#[derive(Clone)]
pub enum Transport {
    Plain,
    Tls(Arc<ClientConfig>),
}

impl Transport {
    /// Every handshake is a full one.
    pub fn full(roots: &Arc<RootCertStore>) -> Self {
        let mut config = ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
        config.resumption = Resumption::disabled();
        Self::Tls(Arc::new(config))
    }

    /// Handshakes after the first resume its session.
    pub fn resuming(roots: &Arc<RootCertStore>) -> Self {
        let config = ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
        Self::Tls(Arc::new(config))
    }

    pub async fn connect(&self, address: SocketAddr) -> Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(match self {
            Self::Plain => Box::new(stream),
            Self::Tls(config) => {
                let name = ServerName::try_from(HOST_NAME)?;
                Box::new(TlsConnector::from(config.clone()).connect(name, stream).await?)
            }
        })
    }
}

/// Runs `workers` of what `work` makes, each until it has done its part of `count`, and gathers how long each piece
/// took.
async fn spread<F>(count: usize, workers: usize, work: impl Fn(usize) -> F) -> Result<Done>
where
    F: Future<Output = Result<Vec<Duration>>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for worker in 0..workers {
        let part = count / workers + usize::from(worker < count % workers);
        tasks.spawn(work(part));
    }
    let mut latencies = Vec::with_capacity(count);
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    Ok(Done::of(latencies))
}

/// How long a piece of work took, noted in `latencies`.
async fn timed<T>(latencies: &mut Vec<Duration>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let begun = Instant::now();
    let done = work.await?;
    latencies.push(begun.elapsed());
    Ok(done)
}

//! A steady load of requests that counts what fails.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinHandle};

/// How long one request may take before it counts as failed: a wake under emulation included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A running load; `finish` ends it.
pub struct Load {
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<LoadReport>>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    pub answered: u64,
    /// The first few failures, in words.
    pub failures: Vec<String>,
    pub failed: u64,
    /// Answers by body.
    pub bodies: BTreeMap<String, u64>,
    pub slowest: Duration,
}

impl Load {
    /// `workers` keep-alive clients, each asking `path` of `host` every `pause`.
    pub fn start(edge: SocketAddr, host: &str, path: &str, workers: usize, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let report = Arc::new(Mutex::new(LoadReport::default()));
        let workers = (0..workers)
            .map(|_| {
                let worker = Worker {
                    edge,
                    host: host.to_owned(),
                    path: path.to_owned(),
                    stop: stop.clone(),
                    report: report.clone(),
                };
                tokio::spawn(worker.run(pause))
            })
            .collect();
        Self { stop, report, workers }
    }

    /// What happened so far.
    pub fn report(&self) -> LoadReport {
        self.report.lock().expect("no worker panics").clone()
    }

    pub async fn finish(self) -> LoadReport {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.await.expect("a load worker panicked");
        }
        self.report.lock().expect("no worker panics").clone()
    }
}

struct Worker {
    edge: SocketAddr,
    host: String,
    path: String,
    stop: Arc<AtomicBool>,
    report: Arc<Mutex<LoadReport>>,
}

impl Worker {
    async fn run(self, pause: Duration) {
        let mut connection = None;
        while !self.stop.load(Ordering::Relaxed) {
            let start = Instant::now();
            let outcome = tokio::time::timeout(REQUEST_TIMEOUT, self.ask(&mut connection)).await;
            let outcome = outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in time")));
            self.count(outcome, start.elapsed());
            tokio::time::sleep(pause).await;
        }
    }

    fn count(&self, outcome: Result<String>, took: Duration) {
        let mut report = self.report.lock().expect("no worker panics");
        report.slowest = report.slowest.max(took);
        match outcome {
            Ok(body) => {
                report.answered += 1;
                *report.bodies.entry(body).or_default() += 1;
            }
            Err(error) => {
                report.failed += 1;
                if report.failures.len() < 10 {
                    report.failures.push(format!("after {took:?}: {error:#}"));
                }
            }
        }
    }

    async fn ask(&self, connection: &mut Option<SendRequest<Full<Bytes>>>) -> Result<String> {
        // The edge may close an idle connection, as any server; a client then opens another.
        if connection.as_mut().is_none_or(|c| c.is_closed()) {
            *connection = Some(connect(self.edge).await?);
        }
        let sender = connection.as_mut().expect("connected above");
        sender.ready().await.context("connection")?;
        let request =
            Request::get(&self.path).header("host", &self.host).body(Full::default()).context("request")?;
        let result = exchange(sender, request).await;
        if result.is_err() {
            *connection = None;
        }
        result
    }
}

async fn connect(edge: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(edge).await.context("connect")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn exchange(sender: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Result<String> {
    let response = sender.send_request(request).await.context("send")?;
    let status = response.status();
    let body = response.into_body().collect().await.context("body")?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    ensure!(status.is_success(), "{status}: {body}");
    Ok(body)
}

/// One request on a connection of its own.
pub async fn get(edge: SocketAddr, host: &str, path: &str) -> Result<String> {
    let mut sender = connect(edge).await?;
    let request = Request::get(path).header("host", host).body(Full::default())?;
    tokio::time::timeout(REQUEST_TIMEOUT, exchange(&mut sender, request))
        .await
        .context("no answer in time")?
}

/// One call of an API with JSON and a bearer token.
pub async fn call(server: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Result<String> {
    let mut sender = connect(server).await?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "api")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Full::from(body.to_owned()))?;
    exchange(&mut sender, request).await
}

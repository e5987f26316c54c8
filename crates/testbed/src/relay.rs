//! A relay in front of a server's api that takes the server away in the middle of a chosen call: before
//! the server hears of it, or when it has acted and before its answer arrives. The client sees a connection
//! that breaks.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, http::request::Parts, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, spawn_local},
};

use crate::Server;

const NONCE: &str = "fly-machine-lease-nonce";

/// Calls that ask, and yet are no GET.
const READING_POSTS: [&str; 2] = ["/platform/placements", "/check"];

/// Ends with the value. Lives in a `LocalSet`.
pub struct Relay {
    address: SocketAddr,
    shared: Rc<Shared>,
    accepting: JoinHandle<()>,
}

/// When, in a call, the server dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It does not get the call.
    BeforeItActs,
    /// Only its answer is lost.
    BeforeItAnswers,
}

struct Shared {
    server: SocketAddr,
    /// Calls that change something, in order, since the last `arm`.
    changes: RefCell<Vec<String>>,
    /// The change at which the server dies, 1 for the first, and when.
    doomed: Cell<Option<(usize, Moment)>>,
    struck: Notify,
    killed: Notify,
}

impl Relay {
    pub async fn start(server: &Server) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Rc::new(Shared {
            server: server.api(),
            changes: RefCell::default(),
            doomed: Cell::default(),
            struck: Notify::new(),
            killed: Notify::new(),
        });
        let accepting = spawn_local(accept(listener, Rc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, the server dies at this change: 1 for the first.
    pub fn arm(&self, change: usize, moment: Moment) {
        self.shared.changes.borrow_mut().clear();
        self.shared.doomed.set(Some((change, moment)));
    }

    /// Changes since the last `arm`, as `POST /path`.
    pub fn changes(&self) -> Vec<String> {
        self.shared.changes.borrow().clone()
    }

    /// Did the server die of the last `arm`?
    pub fn has_struck(&self) -> bool {
        self.shared.doomed.get().is_none()
    }

    /// When its call has come, kills the server and starts it again, then lets `recover` do what a person
    /// would; forever.
    pub async fn guard(&self, server: &Server, recover: impl AsyncFn() -> Result<()>) -> Result<()> {
        loop {
            self.shared.struck.notified().await;
            server.kill();
            self.shared.killed.notify_one();
            server.restart().await?;
            recover().await?;
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Rc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Rc::clone(&shared);
        spawn_local(async move {
            let service = service_fn(|request| forward(&shared, request));
            // A service that fails closes its connection, which is what a client is to see.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn forward(shared: &Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let changes = changes_something(&parts, &body);
    if changes {
        shared.changes.borrow_mut().push(format!("{} {}", parts.method, parts.uri.path()));
    }
    let number = shared.changes.borrow().len();
    let dies = |moment| changes && shared.doomed.get() == Some((number, moment));
    if dies(Moment::BeforeItActs) {
        return die(shared).await;
    }
    let stream = TcpStream::connect(shared.server).await.context("connect to the server")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = spawn_local(async move { drop(connection.await) });
    let answer = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    if dies(Moment::BeforeItAnswers) {
        return die(shared).await;
    }
    Ok(Response::from_parts(parts, Full::new(body)))
}

async fn die<T>(shared: &Shared) -> Result<T> {
    shared.doomed.set(None);
    shared.struck.notify_one();
    shared.killed.notified().await;
    anyhow::bail!("the server died")
}

/// Reads are not counted, nor what is repeated on a clock: the refresh of a lease, which shows its nonce.
fn changes_something(parts: &Parts, body: &[u8]) -> bool {
    let path = parts.uri.path();
    let graphql_read = path == "/graphql" && !body.windows(8).any(|word| word == b"mutation");
    let reads =
        parts.method == Method::GET || graphql_read || READING_POSTS.iter().any(|end| path.ends_with(end));
    let refresh =
        parts.method == Method::POST && path.ends_with("/lease") && parts.headers.contains_key(NONCE);
    !reads && !refresh
}

//! A relay in front of a server's api that takes the server away in the middle of a chosen call: when
//! the server has acted, and before its answer arrives. The client sees a connection that breaks.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, spawn_local},
};

use crate::Server;

/// Ends with the value. Lives in a `LocalSet`.
pub struct Relay {
    address: SocketAddr,
    shared: Rc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    server: SocketAddr,
    /// Calls that change something, in order, since the last `arm`.
    changes: RefCell<Vec<String>>,
    /// The change that loses its answer: 1 for the first.
    doomed: Cell<Option<usize>>,
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
    pub fn arm(&self, change: usize) {
        self.shared.changes.borrow_mut().clear();
        self.shared.doomed.set(Some(change));
    }

    /// Changes since the last `arm`, as `POST /path`.
    pub fn changes(&self) -> Vec<String> {
        self.shared.changes.borrow().clone()
    }

    /// Did the server die of the last `arm`?
    pub fn has_struck(&self) -> bool {
        self.shared.doomed.get().is_none()
    }

    /// Kills the server when its call has come, and starts it again; forever.
    pub async fn guard(&self, server: &Server) -> Result<()> {
        loop {
            self.shared.struck.notified().await;
            server.kill();
            self.shared.killed.notify_one();
            server.restart().await?;
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
    let change = changes_something(&parts.method, parts.uri.path(), &body)
        .then(|| format!("{} {}", parts.method, parts.uri.path()));

    let stream = TcpStream::connect(shared.server).await.context("connect to the server")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = spawn_local(async move { drop(connection.await) });
    let answer = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();

    if let Some(change) = change {
        shared.changes.borrow_mut().push(change);
        if shared.doomed.get() == Some(shared.changes.borrow().len()) {
            shared.doomed.set(None);
            shared.struck.notify_one();
            shared.killed.notified().await;
            anyhow::bail!("the server died");
        }
    }
    Ok(Response::from_parts(parts, Full::new(body)))
}

/// Reads, and what is repeated on a clock (the refresh of leases), are not counted.
fn changes_something(method: &Method, path: &str, body: &[u8]) -> bool {
    let graphql_read = path == "/graphql" && !body.windows(8).any(|word| word == b"mutation");
    let reads = method == Method::GET || graphql_read || path == "/v1/platform/placements";
    !reads && !path.ends_with("/lease")
}

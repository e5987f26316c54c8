//! Where HTTP begins: a client's connection, plain or encrypted, and the requests on it one after another.

use std::{convert::Infallible, io, pin::pin, sync::Arc};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Client, HttpVersion},
    client_io::ClientIo,
    context::Edge,
    limits, request,
};

/// The versions of HTTP that are spoken over TLS, the best first, as ALPN names them.
pub(crate) const ALPN: &[&[u8]] = &[b"http/1.1"];

/// Serves requests until the client has no more of them, or the edge stops.
pub(crate) async fn serve_http(
    edge: Arc<Edge>,
    io: ClientIo,
    client: Client,
    _version: HttpVersion,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let client = Arc::new(client);
    let grace = edge.config.shutdown_grace;
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (edge, client) = (edge.clone(), client.clone());
        async move { Ok::<_, Infallible>(request::handle(&edge, &client, request).await) }
    });
    let mut connection = pin!(http1().serve_connection(TokioIo::new(io), service).with_upgrades());
    let served = match shutdown.run_until_cancelled(connection.as_mut()).await {
        Some(served) => served,
        None => {
            connection.as_mut().graceful_shutdown();
            timeout(grace, connection).await.unwrap_or(Ok(()))
        }
    };
    served.map_err(io::Error::other)
}

fn http1() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIMEOUT)
        .max_headers(limits::MAX_HEADERS)
        .max_buf_size(limits::MAX_BUFFER);
    http
}

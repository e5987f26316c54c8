//! Where HTTP begins: a client's connection, plain or encrypted, and the requests on it, one after another
//! over HTTP/1.1, many at once over HTTP/2.

use std::{convert::Infallible, io, pin::Pin, sync::Arc, time::Duration};

use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    batched::Batched,
    client::{Client, HttpVersion},
    client_body::ClientBody,
    client_io::ClientIo,
    context::Edge,
    destination, limits, request,
    rewound::Rewound,
};

/// The versions of HTTP that are spoken over TLS, the best first, as ALPN names them.
pub(crate) const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

/// Serves requests until the client has no more of them, or the edge stops: then those in flight end, and
/// the client is told to ask elsewhere.
pub(crate) async fn serve_http(
    edge: Arc<Edge>,
    io: ClientIo,
    client: Client,
    version: HttpVersion,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let client = Arc::new(client);
    let (own, head_timeout) = (edge.clone(), head_timeout(&edge, &client));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (edge, client) = (edge.clone(), client.clone());
        let request = ClientBody::of(request);
        async move { Ok::<_, Infallible>(request::handle(&edge, &client, request).await) }
    });
    // The same for all, whose connections have no type in common.
    macro_rules! until_done {
        ($connection:expr, $version:expr) => {{
            let mut connection: Pin<&mut _> = $connection;
            match shutdown.run_until_cancelled(connection.as_mut()).await {
                Some(served) => served,
                None => {
                    // Over HTTP/1.1 a client may be sending on an idle connection right now. In a handover there
                    // is time to wait for it, and to close with its answer.
                    if $version == HttpVersion::Http2 || own.config.handover.limit().is_none() {
                        connection.as_mut().graceful_shutdown();
                    }
                    timeout(own.config.grace(), connection).await.unwrap_or(Ok(()))
                }
            }
        }};
    }
    let io = TokioIo::new(Batched::new(io));
    let served = match version {
        HttpVersion::Http2 => {
            let mut connection = Box::pin(http2(head_timeout).serve_connection(io, service));
            until_done!(connection.as_mut(), HttpVersion::Http2)
        }
        HttpVersion::Http1 => {
            let mut connection = http1(head_timeout).serve_connection(io, service).with_upgrades();
            match until_done!(Pin::new(&mut connection), HttpVersion::Http1) {
                // The client knows beforehand that HTTP/2 is spoken here, and begins with it (RFC 9113, section 3.3).
                Err(error) if error.is_parse_version_h2() => {
                    let Some(parts) = connection.into_parts() else { return Ok(()) };
                    let io = TokioIo::new(Rewound::new(parts.read_buf, parts.io.into_inner()));
                    let mut connection = Box::pin(http2(head_timeout).serve_connection(io, parts.service));
                    until_done!(connection.as_mut(), HttpVersion::Http2)
                }
                served => served,
            }
        }
    };
    served.map_err(io::Error::other)
}

/// As the app says, where it is known before the request is: by the name in the handshake, or the port.
fn head_timeout(edge: &Edge, client: &Client) -> Duration {
    let name = client.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    let app = client.app.clone().or_else(|| destination::app_of_name(edge, name?));
    let port = app.and_then(|app| destination::port_of(edge, &app, client.public_port));
    port.and_then(|port| port.http.headers_read_timeout()).unwrap_or(edge.config.head_timeout)
}

fn http1(head_timeout: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(limits::MAX_BUFFER);
    http
}

fn http2(head_timeout: Duration) -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(limits::H2_STREAMS)
        .initial_stream_window_size(limits::H2_STREAM_WINDOW)
        .initial_connection_window_size(limits::H2_CONNECTION_WINDOW)
        .max_send_buf_size(limits::MAX_BUFFER)
        .max_header_list_size(limits::H2_HEAD)
        .keep_alive_interval(head_timeout)
        .keep_alive_timeout(limits::H2_PING_TIMEOUT)
        .enable_connect_protocol();
    http
}

//! Where HTTP begins: a client's connection, plain or encrypted, and the requests on it, one after another
//! over HTTP/1.1, many at once over HTTP/2.

use std::{convert::Infallible, io, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    batched::Batched,
    client::{Client, HttpVersion},
    client_body::ClientBody,
    client_io::ClientIo,
    context::Edge,
    destination, http2, limits, request,
    rewound::Rewound,
};

/// What requests over HTTP/1.1 are read from.
pub(crate) type ClientStream = TokioIo<Batched<ClientIo>>;

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
    let head_timeout = head_timeout(&edge, &client);
    if version == HttpVersion::Http2 {
        let io = Rewound::new(Bytes::new(), io);
        return Box::pin(http2::serve(edge, io, client, head_timeout, shutdown)).await;
    }
    let (own, asking) = (edge.clone(), client.clone());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (edge, client) = (own.clone(), asking.clone());
        let request = ClientBody::of(request);
        async move { Ok::<_, Infallible>(request::handle(&edge, &client, request).await) }
    });
    let io: ClientStream = TokioIo::new(Batched::new(io));
    let mut connection = http1(head_timeout).serve_connection(io, service).with_upgrades();
    let served = match shutdown.run_until_cancelled(Pin::new(&mut connection)).await {
        Some(served) => served,
        None => {
            // A client may be sending on an idle connection right now. In a handover there is time to wait for it,
            // and to close with its answer.
            if edge.config.handover.limit().is_none() {
                Pin::new(&mut connection).graceful_shutdown();
            }
            timeout(edge.config.grace(), Pin::new(&mut connection)).await.unwrap_or(Ok(()))
        }
    };
    match served {
        // The client knows beforehand that HTTP/2 is spoken here, and begins with it (RFC 9113, section 3.3).
        Err(error) if error.is_parse_version_h2() => {
            let Some(parts) = connection.into_parts() else { return Ok(()) };
            let io = Rewound::new(parts.read_buf, parts.io.into_inner().into_inner());
            Box::pin(http2::serve(edge, io, client, head_timeout, shutdown)).await
        }
        served => served.map_err(io::Error::other),
    }
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

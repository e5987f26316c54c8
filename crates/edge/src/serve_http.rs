//! Where HTTP begins: a client's connection, plain or encrypted, and the requests on it, one after another
//! over HTTP/1.1, many at once over HTTP/2.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Client, HttpVersion},
    client_io::ClientIo,
    context::Edge,
    destination,
    http1::{self, End},
    http2,
    parking::{self, Parked},
    rewound::Rewound,
};

/// The versions of HTTP that are spoken over TLS, the best first, as ALPN names them.
pub(crate) const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

/// Serves requests until the client has no more of them, or the edge stops: then those in flight end, and
/// the client is told to ask elsewhere. Or until it has none for a while: then the connection is parked.
pub(crate) async fn serve_http(
    edge: Arc<Edge>,
    io: ClientIo,
    client: Client,
    version: HttpVersion,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let client = Arc::new(client);
    let head_timeout = head_timeout(&edge, &client);
    let (early, io) = match version {
        HttpVersion::Http2 => (Bytes::new(), io),
        HttpVersion::Http1 => match http1::serve(&edge, io, &client, head_timeout, &shutdown).await? {
            End::Over => return Ok(()),
            End::Quiet(io, since) => {
                let client = Arc::unwrap_or_clone(client);
                return parking::park(&edge, Parked::new(&edge, io, client, shutdown)?, since + head_timeout);
            }
            // The client knows beforehand that HTTP/2 is spoken here, and begins with it (RFC 9113, section 3.3).
            End::Http2(early, io) => (early, io),
        },
    };
    Box::pin(http2::serve(edge, Rewound::new(early, io), client, head_timeout, shutdown)).await
}

/// As the app says, where it is known before the request is.
fn head_timeout(edge: &Edge, client: &Client) -> Duration {
    let app = destination::app_of_client(edge, client);
    let port = app.and_then(|app| destination::port_of(edge, &app, client.public_port));
    port.and_then(|port| port.http.headers_read_timeout()).unwrap_or(edge.config.head_timeout)
}

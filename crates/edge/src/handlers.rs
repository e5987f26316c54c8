//! What the handlers of a port make of a connection: TLS around it, HTTP in it, or bytes as they come.

use std::{io, sync::Arc};

use roost_model::{AppName, service::Handler};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    ListenerKind,
    client::{Client, HttpVersion},
    client_io::ClientIo,
    context::Edge,
    destination,
    handshake::handshake,
    limits::FIRST_BYTE_TIMEOUT,
    postgres,
    serve_http::serve_http,
    socket::Socket,
    stream::carry,
};

/// The first byte of a TLS handshake (RFC 8446, section 5.1); no request of HTTP begins with it.
const HANDSHAKE: u8 = 22;

/// Serves a connection as its listener and its app's port say.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    mut stream: Socket,
    mut client: Client,
    kind: ListenerKind,
    shutdown: CancellationToken,
) -> io::Result<()> {
    match kind {
        ListenerKind::Http => plain_http(edge, stream, client, shutdown).await,
        ListenerKind::Https => secure(edge, stream, client, shutdown).await,
        ListenerKind::Shared => match timeout(FIRST_BYTE_TIMEOUT, stream.first_byte()).await?? {
            HANDSHAKE => secure(edge, stream, client, shutdown).await,
            _ => plain_http(edge, stream, client, shutdown).await,
        },
        // Of which app, the address has said.
        ListenerKind::Inside => Ok(()),
        ListenerKind::Of(app) => {
            client.app = Some(app.clone());
            Box::pin(own_port(edge, stream, client, app, shutdown)).await
        }
    }
}

async fn plain_http(
    edge: Arc<Edge>,
    stream: Socket,
    client: Client,
    shutdown: CancellationToken,
) -> io::Result<()> {
    serve_http(edge, ClientIo::Plain(stream), client, HttpVersion::Http1, shutdown).await
}

/// A port that is one app's alone.
async fn own_port(
    edge: Arc<Edge>,
    mut stream: Socket,
    client: Client,
    app: AppName,
    shutdown: CancellationToken,
) -> io::Result<()> {
    // Closed just now: the listener will be, too.
    let Some(port) = destination::port_of(&edge, &app, client.public_port) else { return Ok(()) };
    if port.handlers.contains(&Handler::PgTls) {
        postgres::begin_tls(&mut stream).await?;
        return secure(edge, stream, client, shutdown).await;
    }
    if port.handlers.contains(&Handler::Tls) {
        return secure(edge, stream, client, shutdown).await;
    }
    if port.handlers.contains(&Handler::Http) {
        return plain_http(edge, stream, client, shutdown).await;
    }
    carry(&edge, ClientIo::Plain(stream), &client, app, &port).await
}

/// Takes TLS off; what is in it is the app's to say.
async fn secure(
    edge: Arc<Edge>,
    stream: Socket,
    mut client: Client,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let (stream, facts) = handshake(&edge, stream, &client).await?;
    let version = facts.http_version();
    let named = facts.server_name.as_deref().and_then(|name| destination::app_of_name(&edge, name));
    client.tls = Some(facts);
    let io = ClientIo::Tls(stream);
    if let Some(app) = client.app.clone().or(named)
        && let Some(port) = destination::port_of(&edge, &app, client.public_port)
        && !port.handlers.contains(&Handler::Http)
    {
        return carry(&edge, io, &client, app, &port).await;
    }
    serve_http(edge, io, client, version, shutdown).await
}

//! Step 5, for requests that ask to switch protocols: when the app agrees, bytes go both ways until
//! the ends have closed.

use std::{io, sync::Arc, time::Duration};

use http::{HeaderMap, Request, header};
use hyper::upgrade::OnUpgrade;
use tokio_util::either::Either;
use tracing::debug;

use crate::{
    activity::Activity,
    backend::Backend,
    both_ways::copy_both,
    client_io::ClientIo,
    context::Edge,
    http1,
    http2::{Promised, Tunnel},
    limits::TUNNEL_BUFFER,
    machine_stream::MachineStream,
    permit::Permit,
    rewound::Rewound,
    websocket,
};

/// What the ends agreed to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    WebSocket,
    /// Whatever it is.
    Other,
}

impl Protocol {
    /// As the app's consent says.
    pub fn of(headers: &HeaderMap) -> Self {
        match headers.get(header::UPGRADE) {
            Some(protocol) if protocol.as_bytes().eq_ignore_ascii_case(b"websocket") => Self::WebSocket,
            _ => Self::Other,
        }
    }
}

/// What the client's end of a request becomes when the app agrees: its connection, or a stream of that.
pub(crate) enum ClientEnd {
    Http1(OnUpgrade),
    Http2(Promised),
}

impl ClientEnd {
    pub fn of<B>(request: &mut Request<B>) -> Self {
        match request.extensions_mut().remove() {
            Some(promised) => Self::Http2(promised),
            None => Self::Http1(hyper::upgrade::on(request)),
        }
    }

    /// Once the client has been told.
    async fn ready(self) -> io::Result<Either<Rewound<ClientIo>, Tunnel>> {
        Ok(match self {
            Self::Http1(connection) => {
                Either::Left(http1::upgraded(connection.await.map_err(io::Error::other)?)?)
            }
            Self::Http2(promised) => Either::Right(promised.kept().await?),
        })
    }
}

/// Carries a WebSocket, or whatever was agreed on; holds the request's place until it ends.
pub(crate) async fn tunnel(
    edge: Arc<Edge>,
    protocol: Protocol,
    client: ClientEnd,
    backend: Backend,
    permit: Permit,
    idle_timeout: Option<Duration>,
) {
    if let Err(error) = carry(&edge, protocol, client, backend, &permit, idle_timeout).await {
        debug!(machine = %permit.target().id, %error, "tunnel ended early");
    }
    drop(permit);
}

async fn carry(
    edge: &Edge,
    protocol: Protocol,
    client: ClientEnd,
    backend: Backend,
    permit: &Permit,
    idle_timeout: Option<Duration>,
) -> io::Result<()> {
    let leave = edge.tunnels.leave_of(&permit.target().id);
    let idle = idle_timeout.unwrap_or(edge.config.tunnel_idle);
    let activity = Activity::default();
    let client = activity.of(client.ready().await?);
    let Some((app, early)) = backend.into_upgraded() else { return Ok(()) };
    let MachineStream { tcp, counted: _counted } = app;
    let app = Rewound::new(early, tcp);
    let carried = async {
        match protocol {
            Protocol::WebSocket => websocket::carry(client, app, &leave).await,
            Protocol::Other => copy_both(client, app, TUNNEL_BUFFER).await,
        }
    };
    activity.ends_when_silent(idle, permit, carried).await
}

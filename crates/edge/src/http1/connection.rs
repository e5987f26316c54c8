//! One connection, from one silence to the next.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::{
    body::Incoming,
    server::conn::http1::{Builder, UpgradeableConnection},
    service::{HttpService, service_fn},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    accounted::Accounted,
    guarded::Guarded,
    ledger::Ledger,
    refusal,
    watch::{Turn, Watch},
};
use crate::{
    batched::Batched, client::Client, client_body::ClientBody, client_io::ClientIo, context::Edge,
    failure::Code, limits::MAX_BUFFER, request, rewound::Rewound, slow::Drained,
};

/// What has become of a connection.
pub(crate) enum End {
    Over,
    /// Nothing is under way, and nothing has come since then.
    Quiet(ClientIo, Instant),
    /// It begins as one of HTTP/2 does.
    Http2(Bytes, ClientIo),
}

/// Serves requests until the client has no more of them for a while, or the edge stops: then what is in flight ends,
/// and the client is told to ask elsewhere.
pub(crate) async fn serve(
    edge: &Arc<Edge>,
    io: ClientIo,
    client: &Arc<Client>,
    head_timeout: Duration,
    shutdown: &CancellationToken,
) -> io::Result<End> {
    let ledger = Arc::new(Ledger::default());
    let open = |early, io, service| {
        let io = Drained::new(Rewound::new(early, io), edge.config.slow_clients);
        let io = Guarded::new(Batched::new(io), ledger.clone());
        http().serve_connection(TokioIo::new(io), service).with_upgrades()
    };
    let mut connection = open(Bytes::new(), io, service(edge, client, &ledger));
    let mut watch = Watch::new(head_timeout);
    let mut stops = pin!(shutdown.cancelled());
    let mut waits = false;
    loop {
        let mut talk = Talk { connection: &mut connection, ledger: &ledger, watch: &mut watch };
        let turn = tokio::select! {
            biased;
            turn = &mut talk => turn,
            // It wakes this task for good when it has been asked once; to ask each time costs more than to look.
            () = poll_fn(|cx| match std::mem::replace(&mut waits, true) {
                false => stops.as_mut().poll(cx),
                true if shutdown.is_cancelled() => Poll::Ready(()),
                true => Poll::Pending,
            }) => {
                // A client may be sending on an idle connection right now. In a handover there is time to wait for
                // it, and to close with its answer.
                if edge.config.handover.limit().is_none() {
                    Pin::new(&mut *talk.connection).graceful_shutdown();
                }
                timeout(edge.config.grace(), &mut talk).await.unwrap_or(Turn::Ended(Ok(())))
            }
        };
        // None: it is another protocol's now.
        let Some(parts) = connection.into_parts() else { return Ok(End::Over) };
        let refused = parts.io.inner().refusal();
        let (early, io) = bare(parts.io).after(parts.read_buf).into_parts();
        match turn {
            Turn::Ended(Ok(())) => return Ok(End::Over),
            Turn::Ended(Err(error)) if error.is_parse_version_h2() => return Ok(End::Http2(early, io)),
            Turn::Ended(Err(error)) => {
                let Some(failure) = refusal::of(refused, &error) else {
                    return Err(io::Error::other(error));
                };
                refusal::tell(edge, client, io, failure).await?;
                return Ok(End::Over);
            }
            Turn::HeadTimeout if refusal::has_begun(&early) => {
                refusal::tell(edge, client, io, Code::HeadTimeout.into()).await?;
                return Ok(End::Over);
            }
            Turn::HeadTimeout => return Ok(End::Over),
            Turn::Quiet(since) if early.is_empty() => return Ok(End::Quiet(io, since)),
            Turn::Quiet(_) => {
                watch.next_has_begun(ledger.mark());
                connection = open(early, io, parts.service);
            }
        }
    }
}

/// Without a timer for heads, which would be set anew for each: [`Watch`] looks.
fn http() -> Builder {
    let mut http = Builder::new();
    http.header_read_timeout(None).max_buf_size(MAX_BUFFER);
    http
}

fn service(
    edge: &Arc<Edge>,
    client: &Arc<Client>,
    ledger: &Arc<Ledger>,
) -> impl HttpService<Incoming, ResBody = Accounted, Error = Infallible, Future: Send> + Unpin + Send + use<>
{
    let (edge, client, ledger) = (edge.clone(), client.clone(), ledger.clone());
    service_fn(move |request: Request<Incoming>| {
        let (edge, client, entry) = (edge.clone(), client.clone(), ledger.begin());
        let request = ClientBody::http1(request, entry.clone());
        async move {
            let response = request::handle(&edge, &client, request, None).await;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                entry.stays_open();
            }
            Ok(response.map(|body| Accounted::new(body, entry)))
        }
    })
}

/// What requests over HTTP/1.1 are read from.
type ClientStream = TokioIo<Guarded<Batched<Drained>>>;

fn bare(stream: ClientStream) -> Rewound<ClientIo> {
    stream.into_inner().into_inner().into_inner().into_inner()
}

/// The connection of a client with whom another protocol was agreed on. Turns for small writes gain a tunnel nothing.
pub(crate) fn upgraded(connection: Upgraded) -> io::Result<Rewound<ClientIo>> {
    let parts = connection.downcast::<ClientStream>();
    let parts = parts.map_err(|_| io::Error::other("it is no connection of a client"))?;
    Ok(bare(parts.io).after(parts.read_buf))
}

/// hyper at work, until it has ended or has had nothing to do for a while.
struct Talk<'a, S: HttpService<Incoming>> {
    connection: &'a mut UpgradeableConnection<ClientStream, S>,
    ledger: &'a Ledger,
    watch: &'a mut Watch,
}

impl<S> Future for Talk<'_, S>
where
    S: HttpService<Incoming, ResBody = Accounted, Error = Infallible> + Unpin,
{
    type Output = Turn;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn> {
        let Self { connection, ledger, watch } = self.get_mut();
        let closed = ledger.is_closed();
        if let Poll::Ready(ended) = Pin::new(&mut **connection).poll(cx) {
            return Poll::Ready(Turn::Ended(ended));
        }
        while watch.is_due(cx) {
            let between = (closed && ledger.is_quiet()).then(|| ledger.mark());
            if let Some(turn) = watch.look(between) {
                return Poll::Ready(turn);
            }
        }
        Poll::Pending
    }
}

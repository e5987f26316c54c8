//! One client's connection: new requests, what has come for those that run, and what goes out, a turn at a time.

use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    server::{self, SendResponse},
};
use http::Request;
use tokio::{
    task::coop::unconstrained,
    time::{Sleep, sleep, timeout},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{
    given_up::GivenUp,
    keep_alive::{Heard, KeepAlive, Silence},
    marks::Marks,
    request,
    requests::{FIRST, Requests},
};
use crate::{
    batched::Batched,
    client::Client,
    client_io::ClientIo,
    context::Edge,
    limits,
    rewound::Rewound,
    slow::{Drained, Outflow},
};

type Http = server::Connection<Batched<Drained>, Bytes>;

/// Serves requests until the client has no more of them, or the edge stops: then those in flight end, and the client
/// is told to ask elsewhere. A client that says nothing for `silence` is asked whether it is still there.
pub(crate) async fn serve(
    edge: Arc<Edge>,
    io: Rewound<ClientIo>,
    client: Arc<Client>,
    silence: Duration,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let outflow = Outflow::default();
    let io = Drained::new(io, edge.config.slow_clients).telling(outflow.clone());
    let begun = timeout(silence, settings().handshake(Batched::new(io))).await?;
    let http = begun.map_err(io::Error::other)?;
    Connection::new(edge, client, http, outflow, silence, shutdown).await
}

fn settings() -> server::Builder {
    let mut settings = server::Builder::new();
    settings
        .max_concurrent_streams(limits::H2_STREAMS)
        .initial_window_size(limits::H2_STREAM_WINDOW)
        .initial_connection_window_size(limits::H2_CONNECTION_WINDOW)
        .max_send_buffer_size(limits::MAX_BUFFER)
        .max_header_list_size(limits::H2_HEAD)
        .max_pending_accept_reset_streams(limits::H2_EARLY_RESETS)
        .max_concurrent_reset_streams(limits::H2_REMEMBERED_RESETS)
        .max_local_error_reset_streams(Some(limits::H2_FAULTY_STREAMS))
        .enable_connect_protocol();
    settings
}

/// Places of `marks` that are not requests'.
const CONNECTION: usize = 0;
const ASIDE: usize = 1;
const _: () = assert!(ASIDE < FIRST);

/// The connection's task.
struct Connection {
    edge: Arc<Edge>,
    client: Arc<Client>,
    http: Http,
    marks: Arc<Marks>,
    /// Marks the connection itself.
    waker: Waker,
    requests: Requests,
    /// Requests may wait until one has ended.
    full: bool,
    given_up: GivenUp,
    heard: Heard,
    outflow: Outflow,
    aside: Aside,
}

/// What a connection listens to beside its client.
struct Aside {
    waker: Waker,
    keep_alive: Option<KeepAlive>,
    leaving: Leaving,
}

/// What the edge's end means for the connection.
enum Leaving {
    NotYet(Pin<Box<WaitForCancellationFutureOwned>>),
    /// What is in flight has until then.
    Until(Pin<Box<Sleep>>),
}

impl Connection {
    fn new(
        edge: Arc<Edge>,
        client: Arc<Client>,
        mut http: Http,
        outflow: Outflow,
        silence: Duration,
        shutdown: CancellationToken,
    ) -> Self {
        let (marks, heard) = (Arc::new(Marks::default()), Heard::default());
        let (waker, aside) = (marks.waker(CONNECTION), marks.waker(ASIDE));
        for first in [&waker, &aside] {
            first.wake_by_ref();
        }
        let keep_alive = http.ping_pong().map(|pings| KeepAlive::new(pings, silence, heard.clone()));
        let leaving = Leaving::NotYet(Box::pin(shutdown.cancelled_owned()));
        Self {
            edge,
            client,
            http,
            waker,
            requests: Requests::new(marks.clone()),
            marks,
            full: false,
            given_up: GivenUp::default(),
            heard,
            outflow,
            aside: Aside { waker: aside, keep_alive, leaving },
        }
    }

    /// Reads and writes as far as it goes now, and begins what has come.
    fn advance(&mut self) -> Poll<io::Result<()>> {
        let waker = self.waker.clone();
        let cx = &mut Context::from_waker(&waker);
        while self.requests.have_room() {
            match ready!(self.http.poll_accept(cx)) {
                Some(Ok((request, respond))) => self.begin(request, respond),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        self.full = true;
        self.http.poll_closed(cx).map_err(io::Error::other)
    }

    fn begin(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        self.heard.now();
        let (edge, client) = (self.edge.clone(), self.client.clone());
        let (heard, outflow) = (self.heard.clone(), self.outflow.clone());
        // None of them can do more in a turn than the windows allow.
        let answer = unconstrained(request::answer(edge, client, request, respond, heard, outflow));
        if let Some(ended) = self.requests.begin(answer) {
            self.given_up.count(ended);
        }
        if self.client.is_turned_away() {
            self.http.graceful_shutdown();
        }
    }

    /// Ready when the connection is over.
    fn look_aside(&mut self) -> Poll<()> {
        let Aside { waker, keep_alive, leaving } = &mut self.aside;
        let cx = &mut Context::from_waker(waker);
        if let Some(asking) = keep_alive
            && let Poll::Ready(silence) = asking.poll(cx, || self.http.has_streams())
        {
            *keep_alive = None;
            match silence {
                Silence::Gone => return Poll::Ready(()),
                Silence::Idle => self.http.graceful_shutdown(),
            }
            self.waker.wake_by_ref();
        }
        if let Leaving::NotYet(leave) = leaving {
            ready!(leave.as_mut().poll(cx));
            self.http.graceful_shutdown();
            self.waker.wake_by_ref();
            *leaving = Leaving::Until(Box::pin(sleep(self.edge.config.grace())));
        }
        match leaving {
            Leaving::NotYet(_) => Poll::Pending,
            Leaving::Until(end) => end.as_mut().poll(cx),
        }
    }
}

impl Future for Connection {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut marked = this.marks.take(cx);
        let mut has_turn = marked.take_one(CONNECTION);
        if marked.take_one(ASIDE) && this.look_aside().is_ready() {
            return Poll::Ready(Ok(()));
        }
        // Before the connection: it takes along what they have to say.
        for place in marked {
            if let Some(ended) = this.requests.run(place) {
                this.given_up.count(ended);
                has_turn |= mem::take(&mut this.full);
            }
        }
        if this.given_up.are_too_many() {
            this.http.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
        }
        if this.marks.take_one(CONNECTION) || has_turn {
            return this.advance();
        }
        Poll::Pending
    }
}

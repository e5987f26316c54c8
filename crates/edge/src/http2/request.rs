//! One request: its head from a stream, the answer back on it.

use std::{
    future::poll_fn,
    mem,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::FutureExt as _;
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{Method, Request, Response, StatusCode, header};
use http_body::{Body as _, Frame};
use tokio::sync::oneshot;
use tracing::{debug, error};

use super::{
    StreamBody,
    given_up::Ended,
    go_ahead::GoAhead,
    keep_alive::Heard,
    tunnel::{Promised, Tunnel},
};
use crate::{
    client::Client,
    client_body::ClientBody,
    context::Edge,
    hints::Hints,
    limits::BLIND_PIECE,
    request,
    respond::{AnswerBody, BodyError},
    slow::{Moved, Outflow, SlowClients, TooSlow, Wait},
};

/// Answers the request of this stream, unless its client gives it up.
pub(super) async fn answer(
    edge: Arc<Edge>,
    client: Arc<Client>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    heard: Heard,
    outflow: Outflow,
) -> Ended {
    let (mut head, receiving) = request.into_parts();
    let wants = Wants::of(&head.method);
    let go_ahead = GoAhead::of(&head);
    let (body, tunnel) = match wants {
        // What follows is the tunnel's.
        Wants::Tunnel => {
            let (give, promised) = Promised::new();
            head.extensions.insert(promised);
            (ClientBody::Empty, Some((give, receiving)))
        }
        _ if receiving.is_end_stream() => (ClientBody::Empty, None),
        _ => {
            let body = StreamBody::new(receiving, &head.headers, heard, go_ahead.clone());
            (ClientBody::Http2(Box::new(body)), None)
        }
    };
    let hints = Hints::default();
    let handling = pin!(request::handle(&edge, &client, Request::from_parts(head, body), Some(&hints)));
    let Some(response) = unless_given_up(handling, &mut respond, go_ahead, &hints).await else {
        return Ended::GivenUp;
    };
    let slow = Slow { clients: edge.config.slow_clients, outflow };
    // A panic resets its stream alone.
    match AssertUnwindSafe(send(respond, response, wants, tunnel, slow)).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(peer = %client.peer, %error, "an answer over HTTP/2 broke off"),
        Err(_) => error!(peer = %client.peer, "an answer over HTTP/2 broke off: the edge panicked"),
    }
    Ended::Answered
}

/// What the client takes for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Body,
    /// Only the head of it.
    Head,
    Tunnel,
}

impl Wants {
    fn of(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Tunnel,
            _ => Self::Body,
        }
    }
}

/// Tells the client to go ahead when its body is wanted, and what the app says before its answer; without that when the
/// client resets the stream.
async fn unless_given_up(
    mut handling: Pin<&mut impl Future<Output = Response<AnswerBody>>>,
    respond: &mut SendResponse<Bytes>,
    go_ahead: Option<GoAhead>,
    hints: &Hints,
) -> Option<Response<AnswerBody>> {
    poll_fn(|cx| {
        let handled = handling.as_mut().poll(cx);
        if go_ahead.as_ref().is_some_and(|go_ahead| go_ahead.poll_given(cx).is_ready()) {
            let mut head = Response::new(());
            *head.status_mut() = StatusCode::CONTINUE;
            // A stream that was reset shows below.
            let _ = respond.send_informational(head);
        }
        for hint in hints.take() {
            let _ = respond.send_informational(hint);
        }
        match handled {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => respond.poll_reset(cx).map(|_| None),
        }
    })
    .await
}

/// Where a tunnel is given to, and its other half.
type Giving = (oneshot::Sender<Tunnel>, RecvStream);

async fn send(
    mut respond: SendResponse<Bytes>,
    response: Response<AnswerBody>,
    wants: Wants,
    tunnel: Option<Giving>,
    slow: Slow,
) -> Result<(), h2::Error> {
    let (head, body) = response.into_parts();
    let mut head = Response::from_parts(head, ());
    if let Some((give, receiving)) = tunnel
        && head.status().is_success()
    {
        head.headers_mut().remove(header::CONTENT_LENGTH);
        let sending = respond.send_response(head, false)?;
        // Whom it was promised to may be gone.
        let _ = give.send(Tunnel::new(receiving, sending));
        return Ok(());
    }
    let empty = body.is_end_stream();
    if let (Some(length), false) = (body.size_hint().exact(), empty) {
        head.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    let ends = empty || wants == Wants::Head;
    let stream =
        respond.send_response(head, ends).inspect_err(|_| respond.send_reset(Reason::INTERNAL_ERROR))?;
    if ends {
        return Ok(());
    }
    let mut sending =
        Sending { stream, body, held: None, looked: None, begun: false, slow, wait: None, taken: 0 };
    poll_fn(|cx| sending.poll(cx)).await
}

type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

/// The body, piece by piece, as the client takes it.
struct Sending {
    stream: SendStream<Bytes>,
    body: AnswerBody,
    /// Waits for room.
    held: Option<Bytes>,
    /// What comes behind the piece before, where that was already asked for.
    looked: Option<Polled>,
    /// A piece was sent.
    begun: bool,
    slow: Slow,
    /// Since the client had to be waited for.
    wait: Option<Wait>,
    /// Bytes that the client has made room for since it was looked at.
    taken: u64,
}

/// How long a client may leave a stream without room, while its connection has some.
struct Slow {
    clients: SlowClients,
    outflow: Outflow,
}

impl Drop for Sending {
    /// A connection that is given up takes its answers along.
    fn drop(&mut self) {
        if self.slow.outflow.is_given_up() {
            self.body.not_taken();
        }
    }
}

impl Sending {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            let mut piece = match self.held.take() {
                Some(piece) => piece,
                None => match self.poll_body(cx) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(piece) => piece,
                        Err(frame) => return Poll::Ready(self.end(frame)),
                    },
                    Poll::Ready(Some(Err(error))) => {
                        debug!(%error, "an answer ends before its end");
                        self.stream.send_reset(Reason::INTERNAL_ERROR);
                        return Poll::Ready(Ok(()));
                    }
                    Poll::Ready(None) => return Poll::Ready(self.stream.send_data(Bytes::new(), true)),
                    Poll::Pending => return self.poll_reset(cx),
                },
            };
            if self.begun || piece.len() > BLIND_PIECE {
                let Poll::Ready(room) = self.poll_room(piece.len(), cx)? else {
                    self.held = Some(piece);
                    return self.wait(cx);
                };
                if room < piece.len() {
                    let rest = piece.split_off(room);
                    self.held = Some(rest);
                }
                self.taken += piece.len() as u64;
            }
            let last = self.held.is_none() && self.is_at_end(cx);
            self.stream.send_data(piece, last)?;
            if last {
                return Poll::Ready(Ok(()));
            }
            self.begun = true;
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Polled {
        self.looked.take().unwrap_or_else(|| Pin::new(&mut self.body).poll_frame(cx))
    }

    /// Nothing comes behind the piece in hand, as far as can be known now: its frame says so, and an empty one is spared.
    fn is_at_end(&mut self, cx: &mut Context<'_>) -> bool {
        if self.body.is_end_stream() {
            return true;
        }
        let looked = Pin::new(&mut self.body).poll_frame(cx);
        let at_end = matches!(looked, Poll::Ready(None));
        self.looked = Some(looked);
        at_end
    }

    fn end(&mut self, frame: Frame<Bytes>) -> Result<(), h2::Error> {
        match frame.into_trailers() {
            Ok(trailers) => self.stream.send_trailers(trailers),
            // There are no other frames.
            Err(_) => self.stream.send_data(Bytes::new(), true),
        }
    }

    /// Room for so much, or for a part of it: what the client, and the connection, take now.
    fn poll_room(&mut self, length: usize, cx: &mut Context<'_>) -> Result<Poll<usize>, h2::Error> {
        // Of a window that all streams share no more is taken than is used at once.
        self.stream.reserve_capacity(length);
        while self.stream.capacity() == 0 {
            match self.stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Err(error),
                Poll::Ready(None) => return Err(Reason::STREAM_CLOSED.into()),
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
        if let Some(wait) = &mut self.wait {
            wait.end();
        }
        Ok(Poll::Ready(self.stream.capacity().min(length)))
    }

    /// Until there is room, or the client was too slow to make some.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let Slow { clients, outflow } = &self.slow;
        let taken = &mut self.taken;
        let moved = || if outflow.is_blocked() { Moved::NotAsked } else { Moved::Bytes(mem::take(taken)) };
        if let Poll::Ready(TooSlow) = self.wait.get_or_insert_with(|| Wait::new(*clients)).poll(cx, moved) {
            self.body.not_taken();
            self.stream.send_reset(Reason::CANCEL);
            return Poll::Ready(Ok(()));
        }
        self.poll_reset(cx)
    }

    /// Until the client resets the stream.
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let reason = ready!(self.stream.poll_reset(cx))?;
        Poll::Ready(Err(reason.into()))
    }
}

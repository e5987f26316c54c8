//! One request: its head from a stream, the answer back on it.

use std::{
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use futures::FutureExt as _;
use h2::{Reason, RecvStream, server::SendResponse};
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use tokio::sync::oneshot;
use tracing::{debug, error};

use super::{
    StreamBody,
    given_up::Ended,
    go_ahead::GoAhead,
    keep_alive::Heard,
    sending::{Sending, Slow},
    tunnel::{Promised, Tunnel},
};
use crate::{
    client::Client, client_body::ClientBody, context::Edge, hints::Hints, request, respond::AnswerBody,
    slow::Outflow,
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
    let mut sending = Sending::new(stream, body, slow);
    poll_fn(|cx| sending.poll(cx)).await
}

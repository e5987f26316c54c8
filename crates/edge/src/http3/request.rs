//! One request: its head from a stream, the answer back on it.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use bytes::Bytes;
use h3::{
    error::Code,
    server::{RequestResolver, RequestStream},
};
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::time::timeout;
use tracing::debug;

use super::{
    QuicBody,
    quic::{self, GivenUp},
    taking::{Taking, Unsent},
};
use crate::{
    client::Client, client_body::ClientBody, context::Edge, hints::Hints, limits::BLIND_PIECE, request,
    respond::AnswerBody,
};

type Resolver = RequestResolver<quic::Connection, Bytes>;
type Sending = RequestStream<quic::Sending<Bytes>, Bytes>;

/// Answers the request of this stream, unless its client gives it up.
pub(super) async fn answer(edge: Arc<Edge>, client: Arc<Client>, stream: Resolver, given_up: GivenUp) {
    let Ok(resolved) = timeout(edge.config.head_timeout, stream.resolve_request()).await else { return };
    let (head, stream) = match resolved {
        Ok(resolved) => resolved,
        // Told to the client by the library.
        Err(error) => return debug!(peer = %client.peer, %error, "a request over HTTP/3 is malformed"),
    };
    let (mut sending, receiving) = stream.split();
    let request = head.map(|()| ClientBody::Quic(Box::new(QuicBody::begin(receiving))));
    let mut taking = Taking::new(edge.config.slow_clients);
    let answered = async {
        let response = handle(&edge, &client, request, &mut sending, &mut taking).await?;
        send(&mut sending, response, &mut taking).await
    };
    let answered = tokio::select! {
        biased;
        answered = answered => answered,
        () = given_up => return debug!(peer = %client.peer, "a request over HTTP/3 was given up"),
    };
    if let Err(error) = answered {
        debug!(peer = %client.peer, %error, "an answer over HTTP/3 broke off");
        if let Unsent::TooSlow(_) = error {
            sending.stop_stream(Code::H3_REQUEST_CANCELLED);
        }
    }
}

/// The answer, and before it what the app says before.
async fn handle(
    edge: &Arc<Edge>,
    client: &Client,
    request: Request<ClientBody>,
    sending: &mut Sending,
    taking: &mut Taking,
) -> Result<Response<AnswerBody>, Unsent> {
    let hints = Hints::default();
    let mut handling = pin!(request::handle(edge, client, request, Some(&hints)));
    loop {
        let turn = poll_fn(|cx| match handling.as_mut().poll(cx) {
            Poll::Pending if hints.are_waiting() => Poll::Ready(None),
            polled => polled.map(Some),
        });
        let response = turn.await;
        for hint in hints.take() {
            taking.takes(0, sending.send_response(hint)).await?;
        }
        if let Some(response) = response {
            return Ok(response);
        }
    }
}

/// As the client takes it; the app is told when it does not.
async fn send(
    sending: &mut Sending,
    response: Response<AnswerBody>,
    taking: &mut Taking,
) -> Result<(), Unsent> {
    let (head, mut body) = response.into_parts();
    let sent = send_all(sending, Response::from_parts(head, ()), &mut body, taking).await;
    if let Err(Unsent::TooSlow(_)) = sent {
        body.not_taken();
    }
    sent
}

/// Piece by piece.
async fn send_all(
    sending: &mut Sending,
    head: Response<()>,
    body: &mut AnswerBody,
    taking: &mut Taking,
) -> Result<(), Unsent> {
    taking.takes(0, sending.send_response(head)).await?;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            // Not to be taken for the whole of it.
            sending.stop_stream(Code::H3_INTERNAL_ERROR);
            return Ok(());
        };
        match frame.into_data() {
            Ok(mut data) => {
                while !data.is_empty() {
                    let piece = data.split_to(data.len().min(BLIND_PIECE));
                    taking.takes(piece.len(), sending.send_data(piece)).await?;
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    taking.takes(0, sending.send_trailers(trailers)).await?;
                }
            }
        }
    }
    taking.takes(0, sending.finish()).await
}

//! One request on a connection that others use, too, and its answer.

use std::{
    future::poll_fn,
    mem,
    pin::pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream,
    client::{ResponseFuture, SendRequest},
};
use http::{Method, Request, Response, header, request};
use http_body::{Body as _, Frame, SizeHint};
use roost_wire::{answer::Invalid, fields};

use super::{
    Place,
    sending::{self, Rest},
};
use crate::{
    backend::{BackendError, MAX_INTERIM, SendError},
    hints::Hinting,
    request_body::RequestBody,
};

/// A place on a connection; dropping it gives it back, and takes back a request that has no answer yet.
pub(crate) struct Stream {
    sender: SendRequest<Bytes>,
    /// Of the request's body, until all is sent.
    rest: Option<Rest>,
    answer: At,
    _place: Place,
}

/// How far the answer has come.
enum At {
    Head,
    Data { stream: RecvStream, left: Option<u64> },
    Trailers(RecvStream),
    End,
}

impl Stream {
    pub(super) fn new(sender: SendRequest<Bytes>, place: Place) -> Self {
        Self { sender, rest: None, answer: At::Head, _place: place }
    }

    /// Sends, and returns when the head of the answer is here; its body comes from [`Stream::poll_frame`]. What the
    /// app says before goes to `hints`.
    pub async fn send(
        &mut self,
        request: Request<RequestBody>,
        hints: Option<Hinting<'_>>,
    ) -> Result<Response<()>, SendError> {
        let (mut head, body) = request.into_parts();
        fields::remove_hop_by_hop(&mut head.headers);
        announce_length(&mut head, &body);
        if poll_fn(|cx| self.sender.poll_ready(cx)).await.is_err() {
            return Err(SendError::Unsent(body));
        }
        let ends = body.is_end_stream();
        let (answer, sending) = match self.sender.send_request(Request::from_parts(head, ()), ends) {
            Ok(begun) => begun,
            // The connection ended in this moment.
            Err(error) if error.is_io() || error.is_go_away() => return Err(SendError::Unsent(body)),
            Err(error) => return Err(SendError::Failed(error.into())),
        };
        if !ends {
            let sent = sending::send(sending, body).await;
            self.rest = sent.map_err(|error| SendError::Failed(BackendError::Upload(error)))?;
        }
        let (head, stream) = self.head(answer, hints).await.map_err(SendError::Failed)?.into_parts();
        let left = if stream.is_end_stream() { Some(0) } else { length(&head.headers) };
        self.answer = At::Data { stream, left };
        Ok(Response::from_parts(head, ()))
    }

    async fn head(
        &mut self,
        answer: ResponseFuture,
        hints: Option<Hinting<'_>>,
    ) -> Result<Response<RecvStream>, BackendError> {
        let mut answer = pin!(answer);
        for _ in 0..=MAX_INTERIM {
            match poll_fn(|cx| answer.poll_informational(cx)).await {
                Some(Ok(said)) => {
                    if let Some(hints) = hints {
                        hints.say(said.status(), said.into_parts().0.headers);
                    }
                }
                Some(Err(error)) => return Err(self.why(error)),
                None => return answer.await.map_err(|error| self.why(error)),
            }
        }
        Err(Invalid::Interim.into())
    }

    /// The next piece of the answer's body, or its trailers.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        if let At::Data { stream, left } = &mut self.answer {
            match ready!(stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // It fails when the stream has ended: then there is nothing to release.
                    let _ = stream.flow_control().release_capacity(data.len());
                    *left = left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                // An app that has no use for the rest of the request says so behind its answer.
                Some(Err(error))
                    if error.reason() == Some(Reason::NO_ERROR) && matches!(left, None | Some(0)) =>
                {
                    self.answer = At::End;
                }
                Some(Err(error)) => {
                    self.answer = At::End;
                    return Poll::Ready(Some(Err(self.why(error))));
                }
                None => self.answer = At::trailers(mem::replace(&mut self.answer, At::End)),
            }
        }
        if let At::Trailers(stream) = &mut self.answer {
            let trailers = ready!(stream.poll_trailers(cx));
            self.answer = At::End;
            return Poll::Ready(match trailers {
                Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
                Err(error) if error.reason() == Some(Reason::NO_ERROR) => None,
                Err(error) => Some(Err(self.why(error))),
            });
        }
        Poll::Ready(None)
    }

    pub fn is_end_stream(&self) -> bool {
        match &self.answer {
            At::Data { stream, .. } | At::Trailers(stream) => stream.is_end_stream(),
            At::Head | At::End => true,
        }
    }

    pub fn size_hint(&self) -> SizeHint {
        match &self.answer {
            At::Data { left: Some(left), .. } => SizeHint::with_exact(*left),
            At::Data { left: None, .. } | At::Trailers(_) => SizeHint::default(),
            At::Head | At::End => SizeHint::with_exact(0),
        }
    }

    /// A request that broke off ends its answer, too.
    fn why(&mut self, error: h2::Error) -> BackendError {
        match self.rest.as_mut().and_then(Rest::broken) {
            Some(broken) => BackendError::Upload(broken),
            None => error.into(),
        }
    }
}

impl At {
    fn trailers(self) -> Self {
        match self {
            Self::Data { stream, .. } => Self::Trailers(stream),
            other => other,
        }
    }
}

/// Where it is known, and a request of this kind has a body.
fn announce_length(head: &mut request::Parts, body: &RequestBody) {
    let Some(length) = body.size_hint().exact() else { return };
    if length > 0 || matches!(head.method, Method::POST | Method::PUT | Method::PATCH) {
        head.headers.entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
}

/// h2 holds the app to it.
fn length(headers: &http::HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

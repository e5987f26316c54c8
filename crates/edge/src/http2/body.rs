//! What a client sends over HTTP/2 after the head of its request.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};

use super::{go_ahead::GoAhead, keep_alive::Heard};

/// The body. The client may send as much again as is taken of it, and no more.
pub(crate) struct StreamBody {
    stream: RecvStream,
    /// Of what is still to come, if the client has said so; h2 holds it to that.
    length: Option<u64>,
    at: At,
    heard: Heard,
    /// Told that the body is wanted.
    waits: Option<GoAhead>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Data,
    Trailers,
    End,
}

impl StreamBody {
    /// `headers` of the body's request.
    pub(super) fn new(stream: RecvStream, headers: &HeaderMap, heard: Heard, waits: Option<GoAhead>) -> Self {
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Self { stream, length, at: At::Data, heard, waits }
    }

    fn took(&mut self, data: &Bytes) {
        self.heard.now();
        // It fails when the stream has ended: then there is nothing to release.
        let _ = self.stream.flow_control().release_capacity(data.len());
        self.length = self.length.map(|length| length.saturating_sub(data.len() as u64));
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let body = self.get_mut();
        if let Some(waits) = body.waits.take() {
            waits.give();
        }
        if body.at == At::Data {
            match ready!(body.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    body.took(&data);
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(broken(error)),
                None => body.at = At::Trailers,
            }
        }
        if body.at == At::Trailers {
            let trailers = ready!(body.stream.poll_trailers(cx));
            body.at = At::End;
            return Poll::Ready(match trailers {
                Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
                Err(error) => broken(error),
            });
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.at == At::End || self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A client that takes an early answer for the end of the matter has not broken off.
fn broken(error: h2::Error) -> Option<Result<Frame<Bytes>, h2::Error>> {
    (error.reason() != Some(Reason::NO_ERROR)).then_some(Err(error))
}

impl std::fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamBody").field("at", &self.at).finish_non_exhaustive()
    }
}

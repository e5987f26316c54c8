//! What a client sends over HTTP/3 after the head of its request.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes};
use h3::{error::StreamError, server::RequestStream};
use http_body::{Body, Frame};

use super::quic;

type Receiving = RequestStream<quic::Receiving, Bytes>;

/// The body, as far as the client lets the edge know of it.
pub(crate) struct QuicBody {
    stream: Receiving,
    /// What came with the head.
    first: Option<Bytes>,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Data,
    Trailers,
    End,
}

impl QuicBody {
    /// Most requests end with their head, and it shows at once.
    pub(super) fn begin(stream: Receiving) -> Self {
        let mut body = Self { stream, first: None, at: At::Data };
        let mut cx = Context::from_waker(Waker::noop());
        match body.poll_data(&mut cx) {
            Poll::Ready(Ok(Some(data))) => body.first = Some(data),
            Poll::Ready(Ok(None)) => {
                if let Poll::Ready(Ok(None)) = body.stream.poll_recv_trailers(&mut cx) {
                    body.at = At::End;
                }
            }
            // Comes again with the next look.
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
        body
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        let data = ready!(self.stream.poll_recv_data(cx))?;
        if data.is_none() {
            self.at = At::Trailers;
        }
        Poll::Ready(Ok(data.map(|mut data| data.copy_to_bytes(data.remaining()))))
    }
}

impl Body for QuicBody {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let body = self.get_mut();
        if let Some(first) = body.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if body.at == At::Data
            && let Some(data) = ready!(body.poll_data(cx))?
        {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if body.at == At::Trailers {
            let trailers = ready!(body.stream.poll_recv_trailers(cx))?;
            body.at = At::End;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.at == At::End && self.first.is_none()
    }
}

impl std::fmt::Debug for QuicBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuicBody").field("at", &self.at).finish_non_exhaustive()
    }
}

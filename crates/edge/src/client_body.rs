//! The body of a request as it comes from the client, whatever it comes over.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::{http1::Entry, http2::StreamBody, http3::QuicBody, lingering::Lingering};

/// Why a body breaks off on its way from the client.
pub(crate) type UploadError = Box<dyn Error + Send + Sync>;

#[derive(Debug)]
pub(crate) enum ClientBody {
    Empty,
    Http1(Lingering),
    Http2(Box<StreamBody>),
    Quic(Box<QuicBody>),
}

impl ClientBody {
    /// Of a request that came over HTTP/1.1.
    pub fn http1(request: Request<Incoming>, entry: Entry) -> Request<Self> {
        let (head, body) = request.into_parts();
        let body = Self::Http1(Lingering::new(body, &head.headers, entry));
        Request::from_parts(head, body)
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Http1(body) => body.poll_frame(cx).map_err(Into::into),
            Self::Http2(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Into::into),
            Self::Quic(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
            Self::Quic(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
            Self::Quic(body) => body.size_hint(),
        }
    }
}

//! The body of a request as it comes from the client, whatever it comes over.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::http3::QuicBody;

pub(crate) type BodyError = Box<dyn Error + Send + Sync>;

#[derive(Debug)]
pub(crate) enum ClientBody {
    /// HTTP/1.1 or HTTP/2.
    Tcp(Incoming),
    /// HTTP/3.
    Quic(Box<QuicBody>),
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Tcp(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Quic(body) => Pin::new(&mut **body).poll_frame(cx).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Tcp(body) => body.is_end_stream(),
            Self::Quic(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Tcp(body) => body.size_hint(),
            Self::Quic(body) => body.size_hint(),
        }
    }
}

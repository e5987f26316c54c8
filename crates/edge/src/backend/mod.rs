//! A request's way to a machine: a connection of its own over HTTP/1.1, or one of many streams of a connection
//! over HTTP/2.

mod http1;
mod http2;

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use hyper::{body::Incoming, client::conn::TrySendError};
use tokio::net::TcpStream;

pub(crate) use self::{
    http1::Http1,
    http2::{Http2, Stream},
};
use crate::request_body::RequestBody;

pub(crate) enum Backend {
    Http1(Box<Http1>),
    Http2(Stream),
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// Nothing of the request was sent.
    Unsent(Box<Request<RequestBody>>),
    /// Part of it, or all, was.
    Broken(hyper::Error),
}

impl Backend {
    /// Sends, and returns when the head of the answer is here; the body needs [`Backend::poll_body`].
    pub async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, SendError> {
        match self {
            Self::Http1(connection) => connection.send(request).await,
            Self::Http2(stream) => stream.send(request).await,
        }
    }

    /// The next piece of `body`, moving the connection that it comes on.
    pub fn poll_body(
        &mut self,
        body: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        match self {
            Self::Http1(connection) => connection.drive(cx),
            // Its connection has a task.
            Self::Http2(_) => return Poll::Pending,
        }
        Pin::new(body).poll_frame(cx)
    }

    /// The stream below, after a `101` answer, and what was read of the new protocol already.
    pub async fn into_upgraded(self) -> Option<(TcpStream, Bytes)> {
        match self {
            Self::Http1(connection) => Some(connection.into_upgraded().await),
            // HTTP/2 has no such answer.
            Self::Http2(_) => None,
        }
    }
}

impl From<TrySendError<Request<RequestBody>>> for SendError {
    fn from(mut error: TrySendError<Request<RequestBody>>) -> Self {
        match error.take_message() {
            Some(request) => Self::Unsent(Box::new(request)),
            None => Self::Broken(error.into_error()),
        }
    }
}

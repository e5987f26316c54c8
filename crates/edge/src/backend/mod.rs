//! A request's way to a machine: a connection of its own over HTTP/1.1, or one of many streams of a connection
//! over HTTP/2. The answer comes the same way.

mod http1;
mod http2;

use std::{
    io,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::Reason;
use http_body::{Frame, SizeHint};
use roost_wire::answer::Invalid;

pub(crate) use self::{
    http1::Http1,
    http2::{Http2, Stream},
};
use crate::{
    client_body::UploadError,
    failure::{Code, Failure},
    machine_stream::MachineStream,
    request_body::RequestBody,
};

/// What to do about an app that answers nonsense.
const NOT_HTTP2: &str = "With h2_backend = true it must speak HTTP/2 without TLS, by prior knowledge.";

/// Answers of a machine before its answer: an app has no use for more.
const MAX_INTERIM: u8 = 32;

pub(crate) enum Backend {
    Http1(Box<Http1>),
    Http2(Box<Stream>),
}

/// Why there is no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    #[error("it closed the connection before it answered")]
    Closed,
    #[error("it closed the connection in the middle of its answer")]
    Incomplete,
    #[error("the connection broke: {0}")]
    Io(io::Error),
    #[error("the request's body broke off: {0}")]
    Upload(UploadError),
    #[error(transparent)]
    Invalid(#[from] Invalid),
    #[error(transparent)]
    Http2(#[from] h2::Error),
}

/// Why a request has no answer.
pub(crate) enum SendError {
    /// Nothing of it was sent.
    Unsent(RequestBody),
    /// Part of it, or all, was.
    Failed(BackendError),
}

impl Backend {
    /// The next piece of the answer's body, moving the connection that it comes on.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        match self {
            Self::Http1(connection) => connection.poll_frame(cx),
            Self::Http2(stream) => stream.poll_frame(cx),
        }
    }

    /// All of the answer is here.
    pub fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.is_end_stream(),
            Self::Http2(stream) => stream.is_end_stream(),
        }
    }

    pub fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(connection) => connection.size_hint(),
            Self::Http2(stream) => stream.size_hint(),
        }
    }

    /// The stream below, after a `101` answer, and what was read of the new protocol already.
    pub fn into_upgraded(self) -> Option<(MachineStream, Bytes)> {
        match self {
            Self::Http1(connection) => Some(connection.into_upgraded()),
            // HTTP/2 has no such answer.
            Self::Http2(_) => None,
        }
    }
}

impl BackendError {
    /// What it means while nothing of the answer is here.
    fn before_answer(self) -> Self {
        match self {
            Self::Io(_) => Self::Closed,
            other => other,
        }
    }

    /// Closed without a byte of an answer: on a connection that was used before, the app never read the request.
    pub fn was_closed(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Http2(error) => left_unserved(error),
            _ => false,
        }
    }
}

/// By GOAWAY, for the stream came too late, or by a reset that says so (RFC 9113, section 8.7).
fn left_unserved(error: &h2::Error) -> bool {
    error.is_io()
        || error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        let detail = format!("{error}.");
        match error {
            // The code says it.
            BackendError::Closed => Code::NoAnswer.into(),
            BackendError::Upload(_) => Failure::new(Code::BodyBroken, detail),
            BackendError::Invalid(_) => Failure::new(Code::BadAnswer, detail),
            BackendError::Incomplete | BackendError::Io(_) => Failure::new(Code::NoAnswer, detail),
            BackendError::Http2(error) if error.is_library() => {
                Failure::new(Code::BadAnswer, format!("{detail} {NOT_HTTP2}"))
            }
            // What it said before is lost with a connection that it resets.
            BackendError::Http2(error) if error.is_io() => {
                Failure::new(Code::NoAnswer, format!("{detail} {NOT_HTTP2}"))
            }
            BackendError::Http2(_) => Failure::new(Code::NoAnswer, detail),
        }
    }
}

//! Step 6: the answer goes to the client, piece by piece as the app sends it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::time::{Instant, Sleep, sleep};

use crate::{
    backend::{Backend, BackendError},
    compress::{Compressed, Encoder},
    context::Edge,
    failure::{Code, Failure},
    permit::Permit,
    pool::PoolKey,
};

/// Body of an answer of the edge.
pub(crate) enum AnswerBody {
    /// From the app.
    App(Box<AppBody>),
    Compressed(Box<Compressed>),
    /// From the edge itself, or nothing at all.
    Own(Full<Bytes>),
}

/// Why an answer ends in the middle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the app broke off")]
    App(#[source] BackendError),
    #[error("nothing came from the app for as long as idle_timeout says")]
    Idle,
    #[error("the answer can not be compressed")]
    Coding(#[source] io::Error),
}

/// An app's body with the connection or stream that it comes on. When it ends the connection is kept for the
/// next request; when the client goes before that, it is closed.
pub(crate) struct AppBody {
    edge: Arc<Edge>,
    /// Until it is given back.
    backend: Option<Backend>,
    idle: Option<Idle>,
    permit: Permit,
}

/// The end of waiting for the next piece.
struct Idle {
    limit: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl AnswerBody {
    pub fn of(body: AppBody, encoder: Option<Encoder>) -> Self {
        match encoder {
            Some(encoder) => Self::Compressed(Box::new(Compressed::new(body, encoder))),
            None => Self::App(Box::new(body)),
        }
    }

    /// The client does not take it: the app's owner is told.
    pub fn not_taken(&self) {
        match self {
            Self::App(body) => body.not_taken(),
            Self::Compressed(body) => body.inner().not_taken(),
            Self::Own(_) => {}
        }
    }
}

impl AppBody {
    pub fn new(edge: &Arc<Edge>, backend: Backend, permit: Permit, idle_timeout: Option<Duration>) -> Self {
        let idle = idle_timeout.map(|limit| Idle { limit, sleep: Box::pin(sleep(limit)) });
        Self { edge: edge.clone(), backend: Some(backend), idle, permit }
    }

    fn not_taken(&self) {
        self.permit.tell(&Code::NotTaken.into());
    }
}

/// Tells the app's owner; the client sees it by itself, for the head has gone out.
fn broken_off(permit: &Permit, error: &BodyError) {
    permit.tell(&Failure::new(Code::AnswerBroken, format!("An answer is not whole: {error}.")));
}

impl Drop for AppBody {
    fn drop(&mut self) {
        if let Some(Backend::Http1(connection)) = self.backend.take()
            && connection.is_end_stream()
        {
            let key = PoolKey::new(self.permit.target(), self.permit.port());
            self.edge.pool.put(key, connection);
        }
    }
}

impl Body for AppBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let AppBody { backend: Some(backend), idle, permit, .. } = self.get_mut() else {
            return Poll::Ready(None);
        };
        let polled = match (backend.poll_frame(cx), idle) {
            (Poll::Ready(frame), idle) => {
                if let Some(idle) = idle {
                    idle.sleep.as_mut().reset(Instant::now() + idle.limit);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(BodyError::App)))
            }
            (Poll::Pending, Some(idle)) => idle.sleep.as_mut().poll(cx).map(|()| Some(Err(BodyError::Idle))),
            (Poll::Pending, None) => Poll::Pending,
        };
        if let Poll::Ready(Some(Err(error))) = &polled {
            broken_off(permit, error);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.backend.as_ref().is_none_or(Backend::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.backend.as_ref().map_or(SizeHint::with_exact(0), Backend::size_hint)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::App(body) => Pin::new(&mut **body).poll_frame(cx),
            Self::Compressed(body) => Pin::new(&mut **body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::App(body) => body.is_end_stream(),
            Self::Compressed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::App(body) => body.size_hint(),
            Self::Compressed(body) => body.size_hint(),
        }
    }
}

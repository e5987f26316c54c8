//! The body of a request on its way to a machine.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// Empty, or streamed from the client as the machine takes it.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Streamed { body: Incoming, progress: Progress },
}

/// Counts the pieces of a body that have been taken: whoever waits for the answer can tell a long
/// upload from a silent app.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub fn pieces(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl RequestBody {
    pub fn new(body: Incoming, progress: &Progress) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        Self::Streamed { body, progress: progress.clone() }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Streamed { body, progress } => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                progress.0.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streamed { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streamed { body, .. } => body.size_hint(),
        }
    }
}

//! Step 6: the answer goes to the client, piece by piece as the app sends it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::{backend::Backend, context::Edge, permit::Permit, pool::PoolKey};

/// Body of an answer of the edge.
pub(crate) enum AnswerBody {
    /// From the app.
    App(Box<AppBody>),
    /// From the edge itself, or nothing at all.
    Own(Full<Bytes>),
}

/// An app's body with the connection or stream that it comes on. When it ends the connection is kept for the
/// next request; when the client goes before that, it is closed.
pub(crate) struct AppBody {
    edge: Arc<Edge>,
    incoming: Incoming,
    backend: Option<Backend>,
    ended: bool,
    permit: Permit,
}

impl AppBody {
    pub fn new(edge: &Arc<Edge>, incoming: Incoming, backend: Backend, permit: Permit) -> Self {
        Self { edge: edge.clone(), incoming, backend: Some(backend), ended: false, permit }
    }
}

impl Drop for AppBody {
    fn drop(&mut self) {
        if let Some(Backend::Http1(connection)) = self.backend.take()
            && (self.ended || self.incoming.is_end_stream())
        {
            let key = PoolKey::new(self.permit.target(), self.permit.route().internal_port);
            self.edge.pool.put(key, connection);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::App(body) => {
                let AppBody { incoming, backend: Some(backend), ended, .. } = &mut **body else {
                    return Poll::Ready(None);
                };
                let polled = backend.poll_body(incoming, cx);
                *ended = matches!(polled, Poll::Ready(None));
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            Self::App(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::App(body) => body.incoming.size_hint(),
        }
    }
}

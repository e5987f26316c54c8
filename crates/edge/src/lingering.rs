//! A body over HTTP/1.1 that is read on for a while when nobody wants it any more.
//!
//! An app, or the edge, may answer before the client has sent everything. A connection that is closed with bytes
//! unread is reset, and the answer can be lost with it (RFC 9112, section 9.6). So what still comes is read and thrown
//! away, until the client has sent all of it or has had time to see the answer.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{runtime::Handle, time::timeout};

use crate::{http1::Entry, limits::LINGER};

#[derive(Debug)]
pub(crate) struct Lingering {
    /// Taken at the end; its request is under way until then.
    body: Option<(Incoming, Entry)>,
    /// The client sends when it is told to: reading would tell it.
    waits: bool,
}

impl Lingering {
    /// `headers` of the body's request, and its entry.
    pub fn new(body: Incoming, headers: &HeaderMap, entry: Entry) -> Self {
        let body = Some((body, entry)).filter(|(body, _)| !body.is_end_stream());
        Self { body, waits: headers.contains_key(header::EXPECT) }
    }

    /// The body is read.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.waits = false;
        let Some((body, _)) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    pub fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    pub fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), |(body, _)| body.size_hint())
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let (Some((mut body, entry)), false) = (self.body.take(), self.waits) else { return };
        if body.is_end_stream() {
            return;
        }
        // None: the edge itself ends.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(timeout(LINGER, async move {
            while let Some(Ok(_)) = body.frame().await {}
            drop(entry);
        }));
    }
}

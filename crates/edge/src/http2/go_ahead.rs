//! `100 Continue`, for a client that waits to be told that its body is wanted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use http::{header, request};

/// Both ends: who wants the body, and who tells the client.
#[derive(Debug, Clone, Default)]
pub(crate) struct GoAhead(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    wanted: AtomicBool,
    teller: AtomicWaker,
}

impl GoAhead {
    /// Where the client waits for it.
    pub fn of(head: &request::Parts) -> Option<Self> {
        let waits = head.headers.get(header::EXPECT);
        waits.filter(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))?;
        Some(Self::default())
    }

    /// The client may send its body.
    pub fn give(&self) {
        self.0.wanted.store(true, Ordering::Release);
        self.0.teller.wake();
    }

    /// Ready once, when the client is to be told.
    pub fn poll_given(&self, cx: &Context<'_>) -> Poll<()> {
        self.0.teller.register(cx.waker());
        if self.0.wanted.swap(false, Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}

//! Heads that a client is told before the head of its answer: `100 Continue`, when it waits to be told that its body is
//! wanted, and `103 Early Hints`.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures::task::AtomicWaker;
use http::{HeaderMap, Response, StatusCode, header, request};

/// Heads that wait to be sent: no app has a use for more at once.
const MOST: usize = 8;

/// Both ends: who has something to tell, and who sends it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interim(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    heads: Mutex<VecDeque<Response<()>>>,
    sender: AtomicWaker,
}

impl Interim {
    /// Where the client waits for them.
    pub fn of(head: &request::Parts) -> Option<Self> {
        let waits = head.headers.get(header::EXPECT);
        waits.filter(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))?;
        Some(Self::default())
    }

    /// The client may send its body.
    pub fn go_on(&self) {
        self.tell(StatusCode::CONTINUE, HeaderMap::new());
    }

    fn tell(&self, status: StatusCode, headers: HeaderMap) {
        let mut heads = self.0.heads.lock().unwrap_or_else(PoisonError::into_inner);
        if heads.len() < MOST {
            let mut head = Response::new(());
            *head.status_mut() = status;
            *head.headers_mut() = headers;
            heads.push_back(head);
        }
        drop(heads);
        self.0.sender.wake();
    }

    /// The next one to send.
    pub fn poll_next(&self, cx: &Context<'_>) -> Poll<Response<()>> {
        self.0.sender.register(cx.waker());
        let next = self.0.heads.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.map_or(Poll::Pending, Poll::Ready)
    }
}

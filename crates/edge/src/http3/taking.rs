//! The client as it takes what it is sent, one piece after another; given up when it takes nothing for too long.

use std::{
    future::poll_fn,
    mem,
    pin::pin,
    task::{Context, Poll},
};

use h3::error::StreamError;

use crate::slow::{Moved, SlowClients, TooSlow, Wait};

pub(super) struct Taking {
    slow: SlowClients,
    /// Since it had to be waited for.
    wait: Option<Wait>,
}

/// Why an answer is not sent to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsent {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error(transparent)]
    TooSlow(#[from] TooSlow),
}

impl Taking {
    pub fn new(slow: SlowClients) -> Self {
        Self { slow, wait: None }
    }

    /// Until it has taken a piece of `length`.
    pub async fn takes(
        &mut self,
        length: usize,
        sending: impl Future<Output = Result<(), StreamError>>,
    ) -> Result<(), Unsent> {
        let (mut sending, mut waits) = (pin!(sending), false);
        poll_fn(|cx| {
            if let Poll::Ready(sent) = sending.as_mut().poll(cx) {
                self.has_taken();
                return Poll::Ready(sent.map_err(Unsent::from));
            }
            let begins = !mem::replace(&mut waits, true);
            self.wait(begins.then_some(length), cx).map(|too_slow| Err(too_slow.into()))
        })
        .await
    }

    fn wait(&mut self, begins: Option<usize>, cx: &mut Context<'_>) -> Poll<TooSlow> {
        let wait = self.wait.get_or_insert_with(|| Wait::new(self.slow));
        if let Some(length) = begins {
            wait.begin(length as u64);
        }
        // It does not show how much of the piece the client has taken.
        wait.poll(cx, || Moved::Bytes(0))
    }

    fn has_taken(&mut self) {
        if let Some(wait) = &mut self.wait {
            wait.end();
        }
    }
}

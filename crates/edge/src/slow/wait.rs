//! Waiting for one client to take what it is sent. There is a timer only while it is waited for.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep};

use super::{Pace, SlowClients};

#[derive(Debug)]
pub(crate) struct Wait {
    pace: Pace,
    every: Duration,
    look: Pin<Box<Sleep>>,
    /// The client is waited for at the moment.
    waits: bool,
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client does not take what it is sent")]
pub(crate) struct TooSlow;

impl Wait {
    pub fn new(limits: SlowClients) -> Self {
        let every = limits.look_every();
        Self { pace: Pace::new(limits), every, look: Box::pin(sleep(every)), waits: false }
    }

    /// The client is waited for: ready when it was for too long. `moved` tells what it has taken since it was asked last,
    /// or that it is not to blame.
    pub fn poll(&mut self, cx: &mut Context<'_>, mut moved: impl FnMut() -> Moved) -> Poll<TooSlow> {
        if !self.waits {
            self.waits = true;
            // Of a wait before this one, which did not last.
            if self.look.is_elapsed() {
                self.look_again();
            }
        }
        loop {
            ready!(self.look.as_mut().poll(cx));
            match moved() {
                Moved::Bytes(bytes) => {
                    self.pace.moved(bytes);
                    if !self.pace.waited(self.every) {
                        return Poll::Ready(TooSlow);
                    }
                }
                Moved::NotAsked => {}
            }
            self.look_again();
        }
    }

    /// The client is to take so much, of which nothing shows before it has.
    pub fn begin(&mut self, bytes: u64) {
        self.pace.is_owed(bytes);
    }

    /// It has taken what it was waited for.
    pub fn end(&mut self) {
        self.waits = false;
        self.pace.is_even();
    }

    fn look_again(&mut self) {
        self.look.as_mut().reset(Instant::now() + self.every);
    }
}

/// What a client has done since it was looked at before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    Bytes(u64),
    /// Somebody else holds it up.
    NotAsked,
}

impl From<TooSlow> for io::Error {
    fn from(error: TooSlow) -> Self {
        Self::new(ErrorKind::TimedOut, error)
    }
}

impl TooSlow {
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|error| error.is::<Self>())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// How long a client is waited for that takes so much a second.
    async fn waited_for(per_sec: u64) -> Option<u64> {
        let (begun, mut wait) = (Instant::now(), Wait::new(SlowClients::default()));
        let given_up = poll_fn(|cx| wait.poll(cx, || Moved::Bytes(per_sec)));
        let ended = tokio::time::timeout(Duration::from_secs(24 * 3600), given_up).await;
        ended.ok().map(|TooSlow| begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_too_little_is_given_up_and_one_that_takes_enough_is_not() {
        assert_eq!(waited_for(0).await, Some(60));
        assert_eq!(waited_for(128).await, Some(119));
        assert_eq!(waited_for(256).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_waits_or_another_is_to_blame_does_not_count() {
        let mut wait = Wait::new(SlowClients::default());
        for _ in 0..10 {
            let held = poll_fn(|cx| wait.poll(cx, || Moved::Bytes(0)));
            assert!(tokio::time::timeout(Duration::from_millis(4500), held).await.is_err());
            wait.end();
            sleep(Duration::from_secs(3600)).await;
        }
        let other = poll_fn(|cx| wait.poll(cx, || Moved::NotAsked));
        assert!(tokio::time::timeout(Duration::from_secs(24 * 3600), other).await.is_err());
        // Ten times four seconds are gone.
        let begun = Instant::now();
        assert_eq!(poll_fn(|cx| wait.poll(cx, || Moved::Bytes(0))).await, TooSlow);
        assert!((19..=20).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    }
}

//! A look at the connection every now and then: what happens in between costs nothing.

use std::{mem, pin::Pin, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep};

use super::ledger::Mark;
use crate::limits::TICK;

/// What ends a connection's talk.
pub(super) enum Turn {
    Ended(hyper::Result<()>),
    /// For about so long.
    Quiet(Instant),
    /// The head of a request takes too long to come.
    HeadTimeout,
}

pub(super) struct Watch {
    tick: Pin<Box<Sleep>>,
    /// It wakes the connection's task.
    is_set: bool,
    head_timeout: Duration,
    /// Exchanges so far, and since when about there has been no other under way.
    between: (u64, Instant),
    /// What was seen at the last look, if all was quiet.
    seen: Option<Mark>,
    at: Instant,
    /// When there had been so many exchanges, the next had begun to come.
    begun_after: Option<u64>,
}

impl Watch {
    pub fn new(head_timeout: Duration) -> Self {
        let (at, tick) = (Instant::now(), Box::pin(sleep(TICK.min(head_timeout))));
        Self { tick, is_set: false, head_timeout, between: (0, at), seen: None, at, begun_after: None }
    }

    /// Whether it is time for a look. One that is set already is only asked: the task stays the same.
    pub fn is_due(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_set && !self.tick.is_elapsed() {
            return false;
        }
        self.is_set = true;
        self.tick.as_mut().poll(cx).is_ready()
    }

    /// The next head has begun to come since this: the connection is not quiet.
    pub fn next_has_begun(&mut self, since: Mark) {
        self.begun_after = Some(since.exchanges);
    }

    /// Where nothing is under way: whether the next head has taken too long, or all has been quiet since the last look.
    pub fn look(&mut self, between: Option<Mark>) -> Option<Turn> {
        let (before, now) = (self.at, Instant::now());
        let seen = mem::replace(&mut self.seen, between);
        self.at = now;
        self.tick.as_mut().reset(now + TICK.min(self.head_timeout));
        self.is_set = false;
        let mark = between?;
        if self.between.0 != mark.exchanges {
            self.between = (mark.exchanges, now);
        }
        if now.duration_since(self.between.1) >= self.head_timeout {
            return Some(Turn::HeadTimeout);
        }
        (seen == between && self.begun_after != Some(mark.exchanges)).then_some(Turn::Quiet(before))
    }
}

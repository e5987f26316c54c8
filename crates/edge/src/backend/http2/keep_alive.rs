//! Asks an app that owes answers whether it is still there.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep, sleep};

use super::Room;
use crate::limits::{H2_PING_TIMEOUT, KEEPALIVE};

pub(super) struct KeepAlive {
    pings: PingPong,
    timer: Pin<Box<Sleep>>,
    /// A ping is out.
    asked: bool,
}

impl KeepAlive {
    pub fn new(pings: PingPong) -> Self {
        Self { pings, timer: Box::pin(sleep(KEEPALIVE)), asked: false }
    }

    /// Ready when it does not answer. One that nobody waits for is not asked.
    pub fn poll(&mut self, cx: &mut Context<'_>, room: &Room) -> Poll<()> {
        loop {
            // An error is the connection's own, which tells it.
            if self.asked && self.pings.poll_pong(cx).is_ready() {
                self.asked = false;
                self.wait(KEEPALIVE);
            }
            ready!(self.timer.as_mut().poll(cx));
            if self.asked {
                return Poll::Ready(());
            }
            self.asked = !room.is_empty() && self.pings.send_ping(Ping::opaque()).is_ok();
            self.wait(if self.asked { H2_PING_TIMEOUT } else { KEEPALIVE });
        }
    }

    fn wait(&mut self, time: Duration) {
        self.timer.as_mut().reset(Instant::now() + time);
    }
}

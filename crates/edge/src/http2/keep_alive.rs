//! Asks a client that says nothing whether it is still there, and tells one that wants nothing for long to leave.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits::{H2_IDLE, H2_PING_TIMEOUT};

/// Set when the client says something of its requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<AtomicBool>);

impl Heard {
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

pub(super) struct KeepAlive {
    pings: PingPong,
    silence: Duration,
    heard: Heard,
    timer: Pin<Box<Sleep>>,
    /// A ping is out.
    asked: bool,
    /// When there was a request, or part of one.
    busy: Instant,
}

/// Why the connection need not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// The client does not answer.
    Gone,
    /// It does, but has had no request for long.
    Idle,
}

impl KeepAlive {
    /// Asks after `silence`, or up to twice that.
    pub fn new(pings: PingPong, silence: Duration, heard: Heard) -> Self {
        let timer = Box::pin(sleep(silence));
        Self { pings, silence, heard, timer, asked: false, busy: Instant::now() }
    }

    /// Ready once; `has_streams` tells whether requests are under way.
    pub fn poll(&mut self, cx: &mut Context<'_>, has_streams: impl Fn() -> bool) -> Poll<Silence> {
        loop {
            // An error is the connection's own, which tells it.
            if self.asked && self.pings.poll_pong(cx).is_ready() {
                self.asked = false;
                self.wait(self.silence);
            }
            ready!(self.timer.as_mut().poll(cx));
            let heard = self.heard.take();
            if heard || has_streams() {
                self.busy = Instant::now();
            }
            if self.asked {
                if !heard {
                    return Poll::Ready(Silence::Gone);
                }
                // Its answer comes behind what it is sending.
                self.wait(H2_PING_TIMEOUT);
            } else if heard {
                self.wait(self.silence);
            } else if self.busy.elapsed() >= H2_IDLE {
                return Poll::Ready(Silence::Idle);
            } else {
                self.asked = self.pings.send_ping(Ping::opaque()).is_ok();
                self.wait(H2_PING_TIMEOUT);
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        self.timer.as_mut().reset(Instant::now() + time);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use h2::{client, server};
    use tokio::{
        io::{AsyncReadExt as _, duplex},
        task::JoinHandle,
    };

    use super::*;

    const SILENCE: Duration = Duration::from_secs(60);

    /// What becomes of a connection on which nothing is asked, and when.
    async fn left_alone(client: JoinHandle<()>, server: tokio::io::DuplexStream) -> (Silence, Duration) {
        let begun = Instant::now();
        let mut connection = server::handshake(server).await.unwrap();
        let pings = connection.ping_pong().unwrap();
        let mut keep_alive = KeepAlive::new(pings, SILENCE, Heard::default());
        let silence = poll_fn(|cx| {
            assert!(connection.poll_closed(cx).is_pending());
            keep_alive.poll(cx, || connection.has_streams())
        });
        let silence = silence.await;
        client.abort();
        (silence, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_answer_is_given_up() {
        let (mut client, server) = duplex(4096);
        let mute = tokio::spawn(async move {
            let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
            tokio::io::AsyncWriteExt::write_all(&mut client, preface).await.unwrap();
            while client.read_u8().await.is_ok() {}
        });
        let (silence, after) = left_alone(mute, server).await;
        assert_eq!((silence, after.as_secs()), (Silence::Gone, (SILENCE + H2_PING_TIMEOUT).as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_answers_is_kept_until_it_has_wanted_nothing_for_long() {
        let (client, server) = duplex(4096);
        let client = tokio::spawn(async move {
            let (_requests, connection) = client::handshake(client).await.unwrap();
            let _ = connection.await;
        });
        let (silence, after) = left_alone(client, server).await;
        assert_eq!(silence, Silence::Idle);
        assert!(after >= H2_IDLE && after < H2_IDLE + SILENCE, "{after:?}");
    }
}

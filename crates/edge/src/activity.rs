//! When something last moved on a connection.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until},
};

use crate::{
    failure::{Code, Failure},
    permit::Permit,
};

/// Noted by the connections that it watches.
#[derive(Clone)]
pub(crate) struct Activity {
    begun: Instant,
    /// Milliseconds from the beginning to the last byte.
    last_ms: Arc<AtomicU64>,
}

impl Default for Activity {
    fn default() -> Self {
        Self { begun: Instant::now(), last_ms: Arc::default() }
    }
}

impl Activity {
    pub fn of<I>(&self, io: I) -> Watched<I> {
        Watched { io, activity: self.clone() }
    }

    /// `carried`, unless nothing moves for `limit`: then it ends, and the app's owner is told.
    pub async fn ends_when_silent<T>(
        &self,
        limit: Duration,
        permit: &Permit,
        carried: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        tokio::select! {
            carried = carried => carried,
            () = self.silent_for(limit) => {
                let failure = Failure::from(Code::TunnelIdle);
                permit.tell(&failure);
                Err(io::Error::other(failure))
            }
        }
    }

    /// Returns when nothing has moved for `limit`.
    async fn silent_for(&self, limit: Duration) {
        loop {
            let until = self.begun + Duration::from_millis(self.last_ms.load(Ordering::Relaxed)) + limit;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    fn note(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }
}

pub(crate) struct Watched<I> {
    io: I,
    activity: Activity,
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        if polled.is_ready() {
            self.activity.note();
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        if polled.is_ready() {
            self.activity.note();
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        if polled.is_ready() {
            self.activity.note();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

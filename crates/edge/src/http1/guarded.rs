//! The connection as hyper has it: what moves is noted, and what hyper would say by itself is kept back.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ledger::Ledger;
use crate::slow::TooSlow;

pub(super) struct Guarded<Io> {
    io: Io,
    ledger: Arc<Ledger>,
    /// What hyper wanted to say of a request that it could not read.
    refusal: Vec<u8>,
}

impl<Io> Guarded<Io> {
    pub fn new(io: Io, ledger: Arc<Ledger>) -> Self {
        Self { io, ledger, refusal: Vec::new() }
    }

    /// The status with which hyper refused a request; the client has not heard of it.
    pub fn refusal(&self) -> Option<u16> {
        // `HTTP/1.1 400 …`
        std::str::from_utf8(self.refusal.get(9..12)?).ok()?.parse().ok()
    }

    pub fn into_inner(self) -> Io {
        self.io
    }

    fn refuses(&self) -> bool {
        !self.refusal.is_empty()
    }

    /// Notes why a write failed.
    fn noted<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &polled
            && TooSlow::is(error)
        {
            self.ledger.is_given_up();
        }
        polled
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Guarded<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, to);
        match polled {
            Poll::Ready(_) => self.ledger.has_read(to.filled().len() - before),
            Poll::Pending => self.ledger.waits_to_read(),
        }
        polled
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Guarded<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.ledger.owes_nothing() {
            self.refusal.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        self.ledger.writes();
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.noted(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.ledger.owes_nothing() {
            let bytes = pieces.iter().find(|piece| !piece.is_empty()).map_or(&[][..], |piece| piece);
            return self.poll_write(cx, bytes);
        }
        self.ledger.writes();
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.noted(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refuses() {
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        if let Poll::Ready(Ok(())) = polled {
            self.ledger.has_flushed();
        }
        self.noted(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refuses() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

//! A client's connection, plain or encrypted, as one type: what follows reads and writes without caring.

use std::{
    io::{self, IoSlice},
    os::fd::BorrowedFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use crate::{seat::Seat, socket::Socket};

#[derive(Debug)]
pub(crate) enum ClientIo {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl ClientIo {
    /// Leaves the event loop, with what TLS remembers.
    pub fn detach(&mut self) -> io::Result<()> {
        self.socket().detach()
    }

    /// Joins the event loop of this thread; returns the connection's places.
    pub fn attach(&mut self) -> io::Result<Arc<Seat>> {
        self.socket().attach()
    }

    pub fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        match self {
            Self::Plain(socket) => socket.fd(),
            Self::Tls(stream) => stream.get_ref().0.fd(),
        }
    }

    /// Closes a detached connection in the way that its client expects; what does not fit into the socket is left out.
    pub fn close(mut self) {
        if let Self::Tls(stream) = &mut self {
            let (socket, session) = stream.get_mut();
            session.send_close_notify();
            if let Ok(socket) = socket.detached() {
                let _ = session.write_tls(socket);
            }
        }
    }

    fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_mut().0,
        }
    }
}

macro_rules! either {
    ($self:ident, $io:ident => $what:expr) => {
        match $self.get_mut() {
            ClientIo::Plain(stream) => {
                let $io = Pin::new(stream);
                $what
            }
            ClientIo::Tls(stream) => {
                let $io = Pin::new(&mut **stream);
                $what
            }
        }
    };
}

impl AsyncRead for ClientIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_read(cx, buffer))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => io.poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_shutdown(cx))
    }
}

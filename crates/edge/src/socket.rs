//! TCP sockets: their options, the same on both sides of the edge, and a client's socket that can leave its event loop.

use std::{
    io::{self, ErrorKind, IoSlice},
    mem, net,
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    task::{Context, Poll},
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::limits::KEEPALIVE;

/// No delay for small writes, and an end for peers that vanished without a word.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// A client's socket: on an event loop, which costs some hundred bytes, or only a descriptor.
#[derive(Debug)]
pub(crate) enum Socket {
    Attached(TcpStream),
    /// Reads and writes fail.
    Detached(net::TcpStream),
    /// The event loop could not take it, or give it back.
    Lost,
}

impl Socket {
    /// Leaves its event loop.
    pub fn detach(&mut self) -> io::Result<()> {
        if let Self::Attached(stream) = mem::replace(self, Self::Lost) {
            *self = Self::Detached(stream.into_std()?);
        }
        Ok(())
    }

    /// Joins the event loop of this thread.
    pub fn attach(&mut self) -> io::Result<()> {
        if let Self::Detached(stream) = mem::replace(self, Self::Lost) {
            *self = Self::Attached(TcpStream::from_std(stream)?);
        }
        Ok(())
    }

    /// The socket itself, while it is nowhere else.
    pub fn detached(&mut self) -> io::Result<&mut net::TcpStream> {
        match self {
            Self::Detached(stream) => Ok(stream),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    fn attached(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match self {
            Self::Attached(stream) => Ok(Pin::new(stream)),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    pub fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        match self {
            Self::Attached(stream) => Ok(stream.as_fd()),
            Self::Detached(stream) => Ok(stream.as_fd()),
            Self::Lost => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.attached()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.attached()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.attached()?.poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.attached()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.attached()?.poll_shutdown(cx)
    }
}

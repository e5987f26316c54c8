//! TCP sockets: their options, the same on both sides of the edge, and a client's socket that can leave its event loop.

use std::{
    io::{self, ErrorKind, IoSlice},
    mem, net,
    os::fd::{AsFd, BorrowedFd},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::{limits::KEEPALIVE, seat::Seat};

/// No delay for small writes, and an end for peers that vanished without a word.
pub(crate) fn prepare(socket: &impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4);
    socket.set_tcp_keepalive(&keepalive)
}

/// A client's socket, with the connection's places.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    seat: Arc<Seat>,
}

/// On an event loop, which costs some hundred bytes, or only a descriptor.
#[derive(Debug)]
enum Stream {
    Attached(TcpStream),
    /// Reads and writes fail.
    Detached(net::TcpStream),
    /// The event loop could not take it, or give it back.
    Lost,
}

impl Socket {
    pub fn new(stream: TcpStream, seat: Arc<Seat>) -> Self {
        Self { stream: Stream::Attached(stream), seat }
    }

    /// The byte that comes next, which stays where it is; zero when none comes.
    pub async fn first_byte(&mut self) -> io::Result<u8> {
        let mut first = [0];
        self.attached()?.peek(&mut first).await?;
        Ok(first[0])
    }

    /// Leaves its event loop.
    pub fn detach(&mut self) -> io::Result<()> {
        if let Stream::Attached(stream) = mem::replace(&mut self.stream, Stream::Lost) {
            self.stream = Stream::Detached(stream.into_std()?);
        }
        self.seat.settle();
        Ok(())
    }

    /// Joins the event loop of this thread.
    pub fn attach(&mut self) -> io::Result<()> {
        if let Stream::Detached(stream) = mem::replace(&mut self.stream, Stream::Lost) {
            self.stream = Stream::Attached(TcpStream::from_std(stream)?);
        }
        Ok(())
    }

    /// The socket itself, while it is nowhere else.
    pub fn detached(&mut self) -> io::Result<&mut net::TcpStream> {
        match &mut self.stream {
            Stream::Detached(stream) => Ok(stream),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    fn attached(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match &mut self.stream {
            Stream::Attached(stream) => Ok(Pin::new(stream)),
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    pub fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        match &self.stream {
            Stream::Attached(stream) => Ok(stream.as_fd()),
            Stream::Detached(stream) => Ok(stream.as_fd()),
            Stream::Lost => Err(ErrorKind::NotConnected.into()),
        }
    }

    fn sent(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.seat.sent(*bytes as u64);
        }
        polled
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = self.attached()?.poll_read(cx, buffer);
        self.seat.received((buffer.filled().len() - before) as u64);
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = self.attached()?.poll_write(cx, bytes);
        self.sent(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.attached()?.poll_write_vectored(cx, pieces);
        self.sent(polled)
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

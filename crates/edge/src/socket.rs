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

/// Between here and a machine nothing is lost or late, so nothing is to be learnt of the way: BBR, which many hosts have for
/// their clients' sake, would set a timer for what it holds back. To be said before the socket connects or listens.
pub(crate) fn stays_on_the_host(socket: &impl AsFd) {
    // Every kernel has it; without, the host's choice does as well, at more cost.
    let _ = SockRef::from(socket).set_tcp_congestion(b"reno");
}

/// A client's socket, with the connection's places: on an event loop, which costs some hundred bytes, or only a descriptor.
#[derive(Debug)]
pub(crate) enum Socket {
    Attached(TcpStream, Arc<Seat>),
    /// Reads and writes fail.
    Detached(net::TcpStream, Arc<Seat>),
    /// The event loop could not take it, or give it back.
    Lost,
}

impl Socket {
    /// The byte that comes next, which stays where it is; zero when none comes.
    pub async fn first_byte(&mut self) -> io::Result<u8> {
        let mut first = [0];
        self.attached()?.0.peek(&mut first).await?;
        Ok(first[0])
    }

    /// Leaves its event loop; nobody else has its places any more.
    pub fn detach(&mut self) -> io::Result<()> {
        if let Self::Attached(stream, seat) = mem::replace(self, Self::Lost) {
            seat.settle();
            // Where it was made lie things that go now: moved away, it does not keep their pages.
            let seat = Arc::try_unwrap(seat).map_or_else(|shared| shared, Arc::new);
            *self = Self::Detached(stream.into_std()?, seat);
        }
        Ok(())
    }

    /// Joins the event loop of this thread.
    pub fn attach(&mut self) -> io::Result<Arc<Seat>> {
        let Self::Detached(stream, seat) = mem::replace(self, Self::Lost) else { return Err(elsewhere()) };
        *self = Self::Attached(TcpStream::from_std(stream)?, seat.clone());
        Ok(seat)
    }

    /// The socket itself, while it is nowhere else.
    pub fn detached(&mut self) -> io::Result<&mut net::TcpStream> {
        match self {
            Self::Detached(stream, _) => Ok(stream),
            _ => Err(elsewhere()),
        }
    }

    fn attached(&mut self) -> io::Result<(Pin<&mut TcpStream>, &Seat)> {
        match self {
            Self::Attached(stream, seat) => Ok((Pin::new(stream), seat)),
            _ => Err(elsewhere()),
        }
    }

    pub fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        match self {
            Self::Attached(stream, _) => Ok(stream.as_fd()),
            Self::Detached(stream, _) => Ok(stream.as_fd()),
            Self::Lost => Err(elsewhere()),
        }
    }
}

fn elsewhere() -> io::Error {
    ErrorKind::NotConnected.into()
}

fn counted(polled: Poll<io::Result<usize>>, seat: &Seat) -> Poll<io::Result<usize>> {
    if let Poll::Ready(Ok(bytes)) = &polled {
        seat.sent(*bytes as u64);
    }
    polled
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let (stream, seat) = self.attached()?;
        let polled = stream.poll_read(cx, buffer);
        seat.received((buffer.filled().len() - before) as u64);
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (stream, seat) = self.attached()?;
        counted(stream.poll_write(cx, bytes), seat)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let (stream, seat) = self.attached()?;
        counted(stream.poll_write_vectored(cx, pieces), seat)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.attached()?.0.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.attached()?.0.poll_shutdown(cx)
    }
}

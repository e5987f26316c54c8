//! A client's connection from which the client has to take what is written.
//!
//! A socket that is full says little of how far its client has come: the kernel takes more only when a third of what it
//! holds is gone, which is minutes of a slow client. So the kernel is asked what the client has acknowledged.

use std::{
    io::{self, IoSlice},
    os::fd::{AsRawFd as _, BorrowedFd},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{SlowClients, Wait, wait::Moved};
use crate::{client_io::ClientIo, rewound::Rewound};

pub(crate) struct Drained {
    io: Rewound<ClientIo>,
    limits: SlowClients,
    /// Since a write had to wait for the first time.
    full: Option<Box<Full>>,
    outflow: Option<Outflow>,
}

struct Full {
    wait: Wait,
    /// As much as the client had acknowledged at the last look.
    acknowledged: u64,
}

/// What those who share the connection are told of its writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outflow(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    blocked: AtomicBool,
    given_up: AtomicBool,
}

impl Outflow {
    /// They wait for the client.
    pub fn is_blocked(&self) -> bool {
        self.0.blocked.load(Ordering::Relaxed)
    }

    /// They have for too long.
    pub fn is_given_up(&self) -> bool {
        self.0.given_up.load(Ordering::Relaxed)
    }
}

impl Drained {
    pub fn new(io: Rewound<ClientIo>, limits: SlowClients) -> Self {
        Self { io, limits, full: None, outflow: None }
    }

    /// Keeps `outflow` up to date.
    pub fn telling(self, outflow: Outflow) -> Self {
        Self { outflow: Some(outflow), ..self }
    }

    pub fn into_inner(self) -> Rewound<ClientIo> {
        self.io
    }

    /// What came of a write. One that has to wait fails when that has been for too long.
    fn watch<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match (&polled, &mut self.full) {
            (Poll::Pending, _) => return Poll::Ready(Err(ready!(self.wait(cx)))),
            (Poll::Ready(_), Some(full)) => {
                full.wait.end();
                self.tell(|outflow| outflow.blocked.store(false, Ordering::Relaxed));
            }
            (Poll::Ready(_), None) => {}
        }
        polled
    }

    #[cold]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.tell(|outflow| outflow.blocked.store(true, Ordering::Relaxed));
        let fd = match self.io.get_ref().fd() {
            Ok(fd) => fd,
            Err(error) => return Poll::Ready(error),
        };
        let limits = self.limits;
        let full = self.full.get_or_insert_with(|| {
            Box::new(Full { wait: Wait::new(limits), acknowledged: acknowledged(fd).unwrap_or_default() })
        });
        let before = &mut full.acknowledged;
        let too_slow = ready!(full.wait.poll(cx, || {
            // A connection that is none fails by itself.
            let now = acknowledged(fd).unwrap_or(*before);
            Moved::Bytes(now.saturating_sub(std::mem::replace(before, now)))
        }));
        // What waits in the kernel would wait on.
        let _ = SockRef::from(&fd).set_linger(Some(Duration::ZERO));
        self.tell(|outflow| outflow.given_up.store(true, Ordering::Relaxed));
        Poll::Ready(too_slow.into())
    }

    fn tell(&self, what: impl FnOnce(&Shared)) {
        if let Some(outflow) = &self.outflow {
            what(&outflow.0);
        }
    }
}

/// Bytes that the other end of a TCP connection has acknowledged.
fn acknowledged(fd: BorrowedFd<'_>) -> io::Result<u64> {
    // SAFETY: all zeroes are a value of this struct of numbers.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&info) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`, which has as many.
    let result = unsafe {
        let info = (&raw mut info).cast();
        libc::getsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, info, &raw mut length)
    };
    if result == 0 { Ok(info.tcpi_bytes_acked) } else { Err(io::Error::last_os_error()) }
}

impl AsyncRead for Drained {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, to)
    }
}

impl AsyncWrite for Drained {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watch(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.watch(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.watch(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(cx);
        self.watch(polled, cx)
    }
}

//! A stream that carries a WebSocket's bytes both ways, as a connection of its own would.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use h2::{Reason, RecvStream, SendStream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
};

use crate::limits::TUNNEL_BUFFER;

#[derive(Debug)]
pub(crate) struct Tunnel {
    receiving: RecvStream,
    /// What has come and was not read yet.
    early: Bytes,
    sending: SendStream<Bytes>,
    ended: bool,
}

/// The tunnel that a request becomes when its answer says so; goes with the request.
#[derive(Debug, Clone)]
pub(crate) struct Promised(Arc<Mutex<Option<oneshot::Receiver<Tunnel>>>>);

impl Promised {
    pub(super) fn new() -> (oneshot::Sender<Tunnel>, Self) {
        let (give, take) = oneshot::channel();
        (give, Self(Arc::new(Mutex::new(Some(take)))))
    }

    /// Once the client has been told.
    pub async fn kept(self) -> io::Result<Tunnel> {
        let tunnel = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let tunnel = tunnel.ok_or(ErrorKind::NotConnected)?;
        tunnel.await.map_err(|_| ErrorKind::ConnectionAborted.into())
    }
}

impl Tunnel {
    pub(super) fn new(receiving: RecvStream, sending: SendStream<Bytes>) -> Self {
        Self { receiving, early: Bytes::new(), sending, ended: false }
    }

    /// Room for `length` bytes, or a part of them.
    fn poll_room(&mut self, length: usize, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.sending.reserve_capacity(length.min(TUNNEL_BUFFER));
        loop {
            match self.sending.capacity() {
                0 => match ready!(self.sending.poll_capacity(cx)) {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                    None => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
                },
                room => return Poll::Ready(Ok(room.min(length))),
            }
        }
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let tunnel = self.get_mut();
        while tunnel.early.is_empty() {
            match ready!(tunnel.receiving.poll_data(cx)) {
                Some(Ok(data)) => tunnel.early = data,
                Some(Err(error)) if matches!(error.reason(), Some(Reason::NO_ERROR | Reason::CANCEL)) => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = tunnel.early.len().min(to.remaining());
        to.put_slice(&tunnel.early[..length]);
        tunnel.early.advance(length);
        // It fails when the stream has ended: then there is nothing to release.
        let _ = tunnel.receiving.flow_control().release_capacity(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let tunnel = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let length = ready!(tunnel.poll_room(bytes.len(), cx))?;
        let piece = Bytes::copy_from_slice(&bytes[..length]);
        tunnel.sending.send_data(piece, false).map_err(io::Error::other)?;
        Poll::Ready(Ok(length))
    }

    /// The connection sends what it has by itself.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tunnel = self.get_mut();
        if !tunnel.ended {
            tunnel.ended = true;
            // Fails where the client has ended it already.
            let _ = tunnel.sending.send_data(Bytes::new(), true);
        }
        Poll::Ready(Ok(()))
    }
}

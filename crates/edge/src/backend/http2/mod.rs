//! One HTTP/2 connection to a machine, which requests share, each with a stream of it.
//!
//! ```text
//!  request ─► stream: head ─► sending: the body, by a task once it has to wait ─► machine
//!  answer  ◄─ stream: hints, head, body, trailers                              ◄─ machine
//! ```
//!
//! A task of its own drives the connection, for it belongs to no request. Streams are counted: to the bound that the app
//! sets, or to ours.

mod keep_alive;
mod sending;
mod stream;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use self::keep_alive::KeepAlive;
pub(crate) use self::stream::Stream;
use crate::limits;

/// Lives for as long as somebody has a handle or a stream.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
    room: Arc<Room>,
}

/// How many streams there are, and may be.
struct Room {
    taken: AtomicUsize,
    most: AtomicUsize,
}

/// A stream's part of it; dropping it gives it back.
struct Place(Arc<Room>);

impl Http2 {
    /// Begins to speak HTTP/2, without asking whether the app does; `kept` is, for as long as the connection.
    pub async fn handshake<Io, Kept>(io: Io, kept: Kept) -> Result<Self, h2::Error>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        Kept: Send + 'static,
    {
        let (sender, connection) = Builder::new()
            .enable_push(false)
            .initial_max_send_streams(limits::APP_H2_STREAMS)
            .initial_window_size(limits::APP_H2_STREAM_WINDOW)
            .initial_connection_window_size(limits::APP_H2_CONNECTION_WINDOW)
            .max_send_buffer_size(limits::MAX_BUFFER)
            .max_header_list_size(limits::H2_HEAD)
            .handshake(io)
            .await?;
        let room =
            Arc::new(Room { taken: AtomicUsize::new(0), most: AtomicUsize::new(limits::APP_H2_STREAMS) });
        let driven = drive(connection, room.clone());
        tokio::spawn(async move {
            driven.await;
            drop(kept);
        });
        Ok(Self { sender, room })
    }

    /// It takes more requests.
    pub fn is_open(&self) -> bool {
        let polled = self.sender.clone().poll_ready(&mut Context::from_waker(Waker::noop()));
        !matches!(polled, Poll::Ready(Err(_)))
    }

    pub fn is_idle(&self) -> bool {
        self.room.is_empty()
    }

    /// One more stream, if there is room for it.
    pub fn stream(&self) -> Option<Stream> {
        let most = self.room.most.load(Ordering::Relaxed);
        let one_more = |taken| (taken < most).then_some(taken + 1);
        self.room.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Stream::new(self.sender.clone(), Place(self.room.clone())))
    }

    /// A stream that may have to wait for another one's end.
    pub fn queued_stream(&self) -> Stream {
        self.room.taken.fetch_add(1, Ordering::Relaxed);
        Stream::new(self.sender.clone(), Place(self.room.clone()))
    }
}

impl Room {
    fn is_empty(&self) -> bool {
        self.taken.load(Ordering::Relaxed) == 0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Moves the connection's bytes until it ends, and keeps to what the app's settings say.
async fn drive<Io: AsyncRead + AsyncWrite + Unpin>(mut connection: Connection<Io, Bytes>, room: Arc<Room>) {
    let mut keep_alive = connection.ping_pong().map(KeepAlive::new);
    let ended = poll_fn(|cx| {
        let ended = Pin::new(&mut connection).poll(cx);
        let most = connection.max_concurrent_send_streams().min(limits::APP_H2_STREAMS);
        room.most.store(most, Ordering::Relaxed);
        let gone = keep_alive.as_mut().is_some_and(|asking| asking.poll(cx, &room).is_ready());
        // With the connection all of its streams end.
        if gone { Poll::Ready(Ok(())) } else { ended }
    });
    if let Err(error) = ended.await {
        debug!(%error, "an HTTP/2 connection to a machine broke");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Request;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::{Instant, timeout},
    };

    use super::*;
    use crate::{
        backend::{BackendError, SendError},
        request_body::RequestBody,
    };

    fn request() -> Request<RequestBody> {
        Request::get("http://web/").body(RequestBody::Empty).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_that_is_gone_is_not_waited_for() {
        let (mut app, io) = duplex(4096);
        tokio::spawn(async move {
            app.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
            while app.read_u8().await.is_ok() {}
        });
        let connection = Http2::handshake(io, ()).await.unwrap();
        let begun = Instant::now();
        let Err(SendError::Failed(BackendError::Http2(error))) =
            connection.stream().unwrap().send(request(), None).await
        else {
            panic!("nobody answers")
        };
        assert!(error.is_io(), "{error}");
        let limit = limits::KEEPALIVE + limits::H2_PING_TIMEOUT;
        assert_eq!(begun.elapsed().as_secs(), limit.as_secs());
        assert!(!connection.is_open() && connection.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_still_at_it_is() {
        let (app, io) = duplex(4096);
        let app = tokio::spawn(async move {
            let mut app = h2::server::handshake(app).await.unwrap();
            let _asked = app.accept().await.unwrap().unwrap();
            app.accept().await.map(drop)
        });
        let connection = Http2::handshake(io, ()).await.unwrap();
        let long: Duration = 10 * limits::KEEPALIVE;
        let waited = timeout(long, connection.stream().unwrap().send(request(), None)).await;
        assert!(waited.is_err() && connection.is_open() && !app.is_finished());
    }
}

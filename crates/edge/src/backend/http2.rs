//! One HTTP/2 connection to a machine, which requests share, each with a stream of it.
//!
//! A task of its own drives it, for it belongs to no request. Streams are counted: to the bound that the app
//! sets, or to ours.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, Connection, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tracing::debug;

use super::{BackendError, SendError};
use crate::{limits, request_body::RequestBody};

/// Lives for as long as somebody has a handle or a stream.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: SendRequest<RequestBody>,
    room: Arc<Room>,
}

/// A place on a connection; dropping it gives it back.
pub(crate) struct Stream {
    sender: SendRequest<RequestBody>,
    room: Arc<Room>,
    /// Once there is an answer.
    body: Option<Incoming>,
}

/// How many streams there are, and may be.
struct Room {
    taken: AtomicUsize,
    most: AtomicUsize,
}

impl Http2 {
    /// Begins to speak HTTP/2, without asking whether the app does.
    pub async fn handshake(stream: TcpStream) -> hyper::Result<Self> {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_max_send_streams(limits::APP_H2_STREAMS)
            .initial_stream_window_size(limits::APP_H2_STREAM_WINDOW)
            .initial_connection_window_size(limits::APP_H2_CONNECTION_WINDOW)
            .max_send_buf_size(limits::MAX_BUFFER)
            .max_header_list_size(limits::H2_HEAD)
            .keep_alive_interval(limits::KEEPALIVE)
            .keep_alive_timeout(limits::H2_PING_TIMEOUT)
            .handshake(TokioIo::new(stream))
            .await?;
        let room =
            Arc::new(Room { taken: AtomicUsize::new(0), most: AtomicUsize::new(limits::APP_H2_STREAMS) });
        tokio::spawn(drive(connection, room.clone()));
        Ok(Self { sender, room })
    }

    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    pub fn is_idle(&self) -> bool {
        self.room.taken.load(Ordering::Relaxed) == 0
    }

    /// One more stream, if there is room for it.
    pub fn stream(&self) -> Option<Stream> {
        let most = self.room.most.load(Ordering::Relaxed);
        let one_more = |taken| (taken < most).then_some(taken + 1);
        self.room.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(self.begin())
    }

    /// A stream that may have to wait for another one's end.
    pub fn queued_stream(&self) -> Stream {
        self.room.taken.fetch_add(1, Ordering::Relaxed);
        self.begin()
    }

    fn begin(&self) -> Stream {
        Stream { sender: self.sender.clone(), room: self.room.clone(), body: None }
    }
}

impl Stream {
    /// Sends, and returns when the head of the answer is here; its body comes from [`Stream::poll_frame`].
    pub async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<()>, SendError> {
        match self.sender.try_send_request(request).await {
            Ok(response) => {
                let (head, body) = response.into_parts();
                self.body = Some(body);
                Ok(Response::from_parts(head, ()))
            }
            Err(mut error) => Err(match error.take_message() {
                Some(request) => SendError::Unsent(request.into_body()),
                None => SendError::Failed(error.into_error().into()),
            }),
        }
    }

    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx).map_err(BackendError::from),
            None => Poll::Ready(None),
        }
    }

    pub fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    pub fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Moves the connection's bytes until it ends, and keeps to what the app's settings say.
async fn drive(connection: Connection<TokioIo<TcpStream>, RequestBody, TokioExecutor>, room: Arc<Room>) {
    let mut connection = pin!(connection);
    let ended = poll_fn(|cx| {
        let ended = connection.as_mut().poll(cx);
        let most = connection.current_max_send_streams().min(limits::APP_H2_STREAMS);
        room.most.store(most, Ordering::Relaxed);
        ended
    });
    if let Err(error) = ended.await {
        debug!(%error, "an HTTP/2 connection to a machine broke");
    }
}

//! QUIC as h3 asks for it, by quinn; and what h3 does not ask for: to be told of a client that no longer wants an answer.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use h3::{
    error::Code,
    quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf},
};
use quinn::{ConnectionError, ReadError, VarInt, WriteError};
use tokio_util::sync::ReusableBoxFuture;

type Waiting<T> = ReusableBoxFuture<'static, Result<T, ConnectionError>>;
type Pair = (quinn::SendStream, quinn::RecvStream);

/// Ready when the client has stopped the answer to a request, or is gone.
pub(super) type GivenUp = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

/// That of the request that was accepted last.
#[derive(Clone, Default)]
pub(super) struct Newest(Arc<Mutex<Option<GivenUp>>>);

impl Newest {
    fn put(&self, given_up: GivenUp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(given_up);
    }

    /// Of the request that h3 has just given out: it accepts no further one before the next is asked for.
    pub fn take(&self) -> GivenUp {
        let given_up = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        given_up.unwrap_or_else(|| Box::pin(std::future::pending()))
    }
}

/// A connection, from the server's side.
pub(super) struct Connection {
    connection: quinn::Connection,
    requests: Waiting<Pair>,
    control: Waiting<quinn::RecvStream>,
    opening: Option<Waiting<quinn::SendStream>>,
    newest: Newest,
}

impl Connection {
    pub fn new(connection: quinn::Connection) -> Self {
        Self {
            requests: ReusableBoxFuture::new(next_request(connection.clone())),
            control: ReusableBoxFuture::new(next_control(connection.clone())),
            opening: None,
            newest: Newest::default(),
            connection,
        }
    }

    pub fn newest(&self) -> Newest {
        self.newest.clone()
    }
}

async fn next_request(connection: quinn::Connection) -> Result<Pair, ConnectionError> {
    connection.accept_bi().await
}

async fn next_control(connection: quinn::Connection) -> Result<quinn::RecvStream, ConnectionError> {
    connection.accept_uni().await
}

async fn open_control(connection: quinn::Connection) -> Result<quinn::SendStream, ConnectionError> {
    connection.open_uni().await
}

impl<B: Buf> quic::Connection<B> for Connection {
    type RecvStream = Receiving;
    type OpenStreams = Self;

    fn poll_accept_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receiving, ConnectionErrorIncoming>> {
        let accepted = ready!(self.control.poll(cx)).map_err(lost)?;
        self.control.set(next_control(self.connection.clone()));
        Poll::Ready(Ok(Receiving(accepted)))
    }

    fn poll_accept_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Stream<B>, ConnectionErrorIncoming>> {
        let (sending, receiving) = ready!(self.requests.poll(cx)).map_err(lost)?;
        self.requests.set(next_request(self.connection.clone()));
        let stopped = sending.stopped();
        self.newest.put(Box::pin(async move { drop(stopped.await) }));
        Poll::Ready(Ok(Stream { sending: Sending::new(sending), receiving: Receiving(receiving) }))
    }

    fn opener(&self) -> Self {
        Self::new(self.connection.clone())
    }
}

impl<B: Buf> quic::OpenStreams<B> for Connection {
    type BidiStream = Stream<B>;
    type SendStream = Sending<B>;

    fn poll_open_bidi(&mut self, _: &mut Context<'_>) -> Poll<Result<Stream<B>, StreamErrorIncoming>> {
        Poll::Ready(Err(internal("a server asks for nothing")))
    }

    fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<Sending<B>, StreamErrorIncoming>> {
        let connection = &self.connection;
        let waiting =
            self.opening.get_or_insert_with(|| ReusableBoxFuture::new(open_control(connection.clone())));
        let opened = ready!(waiting.poll(cx));
        self.opening = None;
        Poll::Ready(opened.map(Sending::new).map_err(|error| broken(lost(error))))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.connection.close(var_int(code.value()), reason);
    }
}

/// A request's stream: its answer, and what the client sends.
pub(super) struct Stream<B: Buf> {
    sending: Sending<B>,
    receiving: Receiving,
}

impl<B: Buf> quic::BidiStream<B> for Stream<B> {
    type SendStream = Sending<B>;
    type RecvStream = Receiving;

    fn split(self) -> (Sending<B>, Receiving) {
        (self.sending, self.receiving)
    }
}

impl<B: Buf> quic::RecvStream for Stream<B> {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.receiving.poll_data(cx)
    }

    fn stop_sending(&mut self, code: u64) {
        self.receiving.stop_sending(code);
    }

    fn recv_id(&self) -> StreamId {
        self.receiving.recv_id()
    }
}

impl<B: Buf> quic::SendStream<B> for Stream<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.sending.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.sending.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.sending.poll_finish(cx)
    }

    fn reset(&mut self, code: u64) {
        self.sending.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.sending.send_id()
    }
}

pub(super) struct Receiving(quinn::RecvStream);

impl quic::RecvStream for Receiving {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        // The stream keeps the waker: a future of its own is made for each look.
        let chunk = ready!(pin!(self.0.read_chunk(usize::MAX, true)).poll(cx));
        Poll::Ready(chunk.map(|chunk| chunk.map(|chunk| chunk.bytes)).map_err(not_read))
    }

    fn stop_sending(&mut self, code: u64) {
        // Nothing is to be stopped where all of it has come.
        let _ = self.0.stop(var_int(code));
    }

    fn recv_id(&self) -> StreamId {
        stream_id(self.0.id())
    }
}

pub(super) struct Sending<B: Buf> {
    stream: quinn::SendStream,
    writing: Option<WriteBuf<B>>,
}

impl<B: Buf> Sending<B> {
    fn new(stream: quinn::SendStream) -> Self {
        Self { stream, writing: None }
    }
}

impl<B: Buf> quic::SendStream<B> for Sending<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        while let Some(data) = self.writing.as_mut().filter(|data| data.has_remaining()) {
            let written =
                ready!(Pin::new(&mut self.stream).poll_write(cx, data.chunk())).map_err(not_written)?;
            data.advance(written);
        }
        self.writing = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        if self.writing.is_some() {
            return Err(internal("the piece before is not written yet"));
        }
        self.writing = Some(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        Poll::Ready(self.stream.finish().map_err(|error| StreamErrorIncoming::Unknown(Box::new(error))))
    }

    fn reset(&mut self, code: u64) {
        // Nothing is to be reset where it has ended.
        let _ = self.stream.reset(var_int(code));
    }

    fn send_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

/// Codes of HTTP/3 are within a variable-length integer.
fn var_int(code: u64) -> VarInt {
    VarInt::from_u64(code).unwrap_or(VarInt::MAX)
}

fn stream_id(id: quinn::StreamId) -> StreamId {
    let id = u64::from(VarInt::from(id));
    StreamId::try_from(id).expect("both are variable-length integers")
}

fn lost(error: ConnectionError) -> ConnectionErrorIncoming {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: close.error_code.into() }
        }
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        error => ConnectionErrorIncoming::Undefined(Arc::new(error)),
    }
}

fn broken(connection_error: ConnectionErrorIncoming) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error }
}

fn internal(what: &str) -> StreamErrorIncoming {
    broken(ConnectionErrorIncoming::InternalError(what.into()))
}

fn not_read(error: ReadError) -> StreamErrorIncoming {
    match error {
        ReadError::Reset(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() },
        ReadError::ConnectionLost(error) => broken(lost(error)),
        error => StreamErrorIncoming::Unknown(Box::new(error)),
    }
}

fn not_written(error: WriteError) -> StreamErrorIncoming {
    match error {
        WriteError::Stopped(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into_inner() },
        WriteError::ConnectionLost(error) => broken(lost(error)),
        error => StreamErrorIncoming::Unknown(Box::new(error)),
    }
}

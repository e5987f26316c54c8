//! One HTTP/1.1 connection to a machine, driven by whoever uses it.
//!
//! There is no task behind it: the request that holds it moves its bytes while it waits for its own
//! answer, so that one task, and not two that wake each other, carries a request through. An idle
//! connection is moved by nobody; it is asked whether it still lives before it is used again.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::SendError;
use crate::{batched::Batched, limits, machine_io::MachineIo, request_body::RequestBody};

pub(crate) struct Http1 {
    sender: SendRequest<RequestBody>,
    connection: Connection<TokioIo<Batched<MachineIo>>, RequestBody>,
    /// The connection must not be driven any further.
    ended: bool,
}

impl Http1 {
    pub async fn handshake(stream: TcpStream) -> hyper::Result<Self> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(limits::MAX_BUFFER)
            .handshake(TokioIo::new(Batched::new(MachineIo::new(stream))))
            .await?;
        Ok(Self { sender, connection, ended: false })
    }

    /// Sends, and returns when the head of the answer is here; the body needs [`Http1::drive`].
    pub async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, SendError> {
        let mut answer = pin!(self.sender.try_send_request(request));
        let (connection, ended) = (&mut self.connection, &mut self.ended);
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            *ended = *ended || connection.poll_without_shutdown(cx).is_ready();
            answer.as_mut().poll(cx)
        });
        answer.await.map_err(SendError::from)
    }

    /// Moves bytes as far as they go now.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        self.ended = self.ended || self.connection.poll_without_shutdown(cx).is_ready();
    }

    /// The connection lives and nothing is under way on it.
    pub fn is_idle(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.ended && self.sender.is_ready()
    }

    /// The stream below, after a `101` answer, and what was read of the new protocol already.
    pub async fn into_upgraded(mut self) -> (TcpStream, Bytes) {
        poll_fn(|cx| {
            self.drive(cx);
            if self.ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let parts = self.connection.into_parts();
        (parts.io.into_inner().into_inner().into_inner(), parts.read_buf)
    }
}

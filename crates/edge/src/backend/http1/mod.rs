//! One HTTP/1.1 connection to a machine, driven by whoever uses it.
//!
//! ```text
//!  request ─► sending: head, body in chunks or of a length ─► machine
//!  answer  ◄─ reading: head, body, trailers                ◄─ machine
//! ```
//!
//! There is no task behind it, and nothing between it and the request that holds it: whoever waits for the answer
//! moves the bytes of both directions. An idle connection is moved by nobody; it is asked whether it still lives
//! before it is used again.

mod piece_size;
mod reading;
mod sending;

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Response, request};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead as _, ReadBuf};

use self::{reading::Reading, sending::Sending};
use super::{BackendError, MAX_INTERIM};
use crate::{
    batched::Batched,
    headers::Added,
    hints::Hinting,
    machine_io::MachineIo,
    machine_stream::{Counted, MachineStream},
    request_body::RequestBody,
};

pub(crate) struct Http1 {
    io: Batched<MachineIo>,
    counted: Counted,
    sending: Sending,
    reading: Reading,
}

impl Http1 {
    pub fn new(stream: MachineStream) -> Self {
        let MachineStream { tcp, counted } = stream;
        let io = Batched::new(MachineIo::new(tcp));
        Self { io, counted, sending: Sending::default(), reading: Reading::default() }
    }

    /// Sends `head` with the fields that are `added`, and returns when the head of the answer is here; its body comes from
    /// [`Http1::poll_frame`]. What the app says before goes to `hints`.
    pub async fn send(
        &mut self,
        head: &request::Parts,
        added: Option<&Added<'_>>,
        body: RequestBody,
        hints: Option<Hinting<'_>>,
    ) -> Result<Response<()>, BackendError> {
        self.sending.begin(head, added, body)?;
        self.reading.begin(&head.method);
        poll_fn(|cx| {
            self.move_request(cx).map_err(BackendError::before_answer)?;
            if !self.sending.has_begun() {
                // There is nothing yet to answer.
                return Poll::Pending;
            }
            self.reading.poll_head(&mut self.io, hints, cx)
        })
        .await
    }

    /// The next piece of the answer's body, or its trailers.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        let moved = self.move_request(cx);
        match self.reading.poll_frame(&mut self.io, cx) {
            Poll::Pending => match moved {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Some(Err(error))),
            },
            ready => ready,
        }
    }

    /// All of the answer is here.
    pub fn is_end_stream(&self) -> bool {
        self.reading.has_ended()
    }

    pub fn size_hint(&self) -> SizeHint {
        self.reading.size_hint()
    }

    /// The connection lives and nothing is under way on it: it can serve again.
    pub fn is_idle(&mut self) -> bool {
        self.sending.has_ended() && self.reading.may_serve_again() && self.is_silent()
    }

    /// The stream below, after a `101` answer, and what was read of the new protocol already.
    pub fn into_upgraded(self) -> (MachineStream, Bytes) {
        let tcp = self.io.into_inner().into_inner();
        (MachineStream { tcp, counted: self.counted }, self.reading.into_rest())
    }

    /// As far as it goes now.
    fn move_request(&mut self, cx: &mut Context<'_>) -> Result<(), BackendError> {
        match self.sending.poll(&mut self.io, cx) {
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Nothing has come that nobody asked for: no byte, and no end.
    fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut self.io).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
    }
}

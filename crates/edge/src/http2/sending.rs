//! The body of an answer on its way to the client, as the client takes it.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::{Body as _, Frame};
use tracing::debug;

use crate::{
    limits::BLIND_PIECE,
    respond::{AnswerBody, BodyError},
    slow::{Moved, Outflow, SlowClients, TooSlow, Wait},
};

type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

/// The body, piece by piece, as the client takes it.
pub(super) struct Sending {
    stream: SendStream<Bytes>,
    body: AnswerBody,
    /// Waits for room.
    held: Option<Bytes>,
    /// What comes behind the piece before, where that was already asked for.
    looked: Option<Polled>,
    /// A piece was sent.
    begun: bool,
    slow: Slow,
    /// Since the client had to be waited for.
    wait: Option<Wait>,
    /// Bytes that the client has made room for since it was looked at.
    taken: u64,
}

/// How long a client may leave a stream without room, while its connection has some.
pub(super) struct Slow {
    pub clients: SlowClients,
    pub outflow: Outflow,
}

impl Drop for Sending {
    /// A connection that is given up takes its answers along.
    fn drop(&mut self) {
        if self.slow.outflow.is_given_up() {
            self.body.not_taken();
        }
    }
}

impl Sending {
    pub fn new(stream: SendStream<Bytes>, body: AnswerBody, slow: Slow) -> Self {
        Self { stream, body, held: None, looked: None, begun: false, slow, wait: None, taken: 0 }
    }

    /// Ready when all is sent, or cannot be.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            let mut piece = match self.held.take() {
                Some(piece) => piece,
                None => match self.poll_body(cx) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(piece) => piece,
                        Err(frame) => return Poll::Ready(self.end(frame)),
                    },
                    Poll::Ready(Some(Err(error))) => {
                        debug!(%error, "an answer ends before its end");
                        self.stream.send_reset(Reason::INTERNAL_ERROR);
                        return Poll::Ready(Ok(()));
                    }
                    Poll::Ready(None) => return Poll::Ready(self.stream.send_data(Bytes::new(), true)),
                    Poll::Pending => return self.poll_reset(cx),
                },
            };
            if self.begun || piece.len() > BLIND_PIECE {
                let Poll::Ready(room) = self.poll_room(piece.len(), cx)? else {
                    self.held = Some(piece);
                    return self.wait(cx);
                };
                if room < piece.len() {
                    let rest = piece.split_off(room);
                    self.held = Some(rest);
                }
                self.taken += piece.len() as u64;
            }
            let last = self.held.is_none() && self.is_at_end(cx);
            self.stream.send_data(piece, last)?;
            if last {
                return Poll::Ready(Ok(()));
            }
            self.begun = true;
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Polled {
        self.looked.take().unwrap_or_else(|| Pin::new(&mut self.body).poll_frame(cx))
    }

    /// Nothing comes behind the piece in hand, as far as can be known now: its frame says so, and an empty one is spared.
    fn is_at_end(&mut self, cx: &mut Context<'_>) -> bool {
        if self.body.is_end_stream() {
            return true;
        }
        let looked = Pin::new(&mut self.body).poll_frame(cx);
        let at_end = matches!(looked, Poll::Ready(None));
        self.looked = Some(looked);
        at_end
    }

    fn end(&mut self, frame: Frame<Bytes>) -> Result<(), h2::Error> {
        match frame.into_trailers() {
            Ok(trailers) => self.stream.send_trailers(trailers),
            // There are no other frames.
            Err(_) => self.stream.send_data(Bytes::new(), true),
        }
    }

    /// Room for so much, or for a part of it: what the client, and the connection, take now.
    fn poll_room(&mut self, length: usize, cx: &mut Context<'_>) -> Result<Poll<usize>, h2::Error> {
        // Of a window that all streams share no more is taken than is used at once.
        self.stream.reserve_capacity(length);
        while self.stream.capacity() == 0 {
            match self.stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Err(error),
                Poll::Ready(None) => return Err(Reason::STREAM_CLOSED.into()),
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
        if let Some(wait) = &mut self.wait {
            wait.end();
        }
        Ok(Poll::Ready(self.stream.capacity().min(length)))
    }

    /// Until there is room, or the client was too slow to make some.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let Slow { clients, outflow } = &self.slow;
        let taken = &mut self.taken;
        let moved = || if outflow.is_blocked() { Moved::NotAsked } else { Moved::Bytes(mem::take(taken)) };
        if let Poll::Ready(TooSlow) = self.wait.get_or_insert_with(|| Wait::new(*clients)).poll(cx, moved) {
            self.body.not_taken();
            self.stream.send_reset(Reason::CANCEL);
            return Poll::Ready(Ok(()));
        }
        self.poll_reset(cx)
    }

    /// Until the client resets the stream.
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let reason = ready!(self.stream.poll_reset(cx))?;
        Poll::Ready(Err(reason.into()))
    }
}

//! An answer's body with its entry in the ledger: the connection's end is told to whom it concerns.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Entry;
use crate::respond::{AnswerBody, BodyError};

pub(super) struct Accounted {
    body: AnswerBody,
    entry: Entry,
}

impl Accounted {
    pub fn new(body: AnswerBody, entry: Entry) -> Self {
        Self { body, entry }
    }
}

impl Drop for Accounted {
    fn drop(&mut self) {
        if self.entry.was_given_up() {
            self.body.not_taken();
        }
    }
}

impl Body for Accounted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

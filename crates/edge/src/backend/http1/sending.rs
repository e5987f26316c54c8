//! A request on its way out: the head, then the body as it comes from the client.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, header, request};
use http_body::Body as _;
use roost_wire::fields;
use tokio::io::AsyncWrite;

use super::BackendError;
use crate::{headers::Added, request_body::RequestBody};

/// Room for the head of an ordinary request.
const HEAD: usize = 1024;

/// Pieces up to this are put beside what frames them: one buffer is cheaper to write than two.
const COPIED: usize = 1024;

/// Past this a request's pieces wait for what is before them to be written.
const FRAMING: usize = 64 * COPIED;

#[derive(Default)]
pub(super) struct Sending {
    /// The head, and what frames the body's pieces.
    framing: BytesMut,
    /// Behind `framing`.
    piece: Bytes,
    /// Behind `piece`.
    close: &'static [u8],
    body: Option<(RequestBody, Length)>,
    has_begun: bool,
    /// The body broke off: the app waits for the rest in vain.
    broken: bool,
}

/// How the app finds the body's end.
enum Length {
    /// Bytes that are still to come.
    Known(u64),
    Chunked,
}

/// Both ends of a request have agreed on it.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("the body is longer than its length says")]
    TooLong,
    #[error("the body is shorter than its length says")]
    TooShort,
    #[error("the length is no number")]
    NoNumber,
}

impl Sending {
    pub fn begin(
        &mut self,
        head: &request::Parts,
        added: Option<&Added<'_>>,
        body: RequestBody,
    ) -> Result<(), BackendError> {
        let length = length(&head.headers, &body)?;
        self.framing.reserve(HEAD);
        write_head(&mut self.framing, head, added, length.as_ref());
        self.body = length.map(|length| (body, length));
        self.has_begun = false;
        Ok(())
    }

    /// The app may have seen something of it.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    pub fn has_ended(&self) -> bool {
        self.body.is_none() && !self.has_pending() && !self.broken
    }

    /// Ready when all is sent.
    pub fn poll<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), BackendError>> {
        loop {
            // What is here of the body goes with the head. An app that does not read is not collected for.
            let has_room = self.piece.is_empty() && self.close.is_empty() && self.framing.len() < FRAMING;
            if has_room && self.body.is_some() {
                let took = self.poll_piece(cx);
                if let Poll::Ready(Err(error)) = took {
                    self.body = None;
                    self.broken = true;
                    return Poll::Ready(Err(error));
                }
                if took.is_pending() && !self.has_pending() {
                    return Poll::Pending;
                }
            }
            if !self.has_pending() {
                match self.body {
                    // A piece without bytes.
                    Some(_) => continue,
                    None => return Poll::Ready(Ok(())),
                }
            }
            ready!(self.poll_write(io, cx)).map_err(BackendError::Io)?;
        }
    }

    fn has_pending(&self) -> bool {
        !self.framing.is_empty() || !self.piece.is_empty() || !self.close.is_empty()
    }

    fn poll_write<Io: AsyncWrite + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let written = if self.piece.is_empty() && self.close.is_empty() {
            Pin::new(io).poll_write(cx, &self.framing)
        } else {
            let slices = [IoSlice::new(&self.framing), IoSlice::new(&self.piece), IoSlice::new(self.close)];
            Pin::new(io).poll_write_vectored(cx, &slices)
        };
        let mut written = ready!(written)?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.has_begun = true;
        let mut of = |length: usize| {
            let taken = written.min(length);
            written -= taken;
            taken
        };
        let framing = of(self.framing.len());
        self.framing.advance(framing);
        let piece = of(self.piece.len());
        self.piece.advance(piece);
        self.close = &self.close[of(self.close.len())..];
        Poll::Ready(Ok(()))
    }

    /// Frames the next piece of the body, or its end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BackendError>> {
        let Some((body, length)) = &mut self.body else { return Poll::Ready(Ok(())) };
        let frame = ready!(Pin::new(&mut *body).poll_frame(cx)).transpose().map_err(BackendError::Upload)?;
        let piece = match frame.map(http_body::Frame::into_data) {
            Some(Ok(piece)) => piece,
            Some(Err(frame)) => {
                if let (Length::Chunked, Ok(trailers)) = (&length, frame.into_trailers()) {
                    self.framing.extend_from_slice(b"0\r\n");
                    write_fields(&mut self.framing, &trailers);
                    self.framing.extend_from_slice(b"\r\n");
                    self.body = None;
                }
                return Poll::Ready(Ok(()));
            }
            None => {
                match length {
                    Length::Known(0) => {}
                    Length::Known(_) => return Poll::Ready(Err(wrong(Wrong::TooShort))),
                    Length::Chunked => self.framing.extend_from_slice(b"0\r\n\r\n"),
                }
                self.body = None;
                return Poll::Ready(Ok(()));
            }
        };
        if piece.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let ended = body.is_end_stream();
        match length {
            Length::Known(left) => match left.checked_sub(piece.len() as u64) {
                Some(rest) => *left = rest,
                None => return Poll::Ready(Err(wrong(Wrong::TooLong))),
            },
            Length::Chunked => {
                let size = format!("{:x}\r\n", piece.len());
                self.framing.extend_from_slice(size.as_bytes());
                self.close = if ended { b"\r\n0\r\n\r\n" } else { b"\r\n" };
            }
        }
        if matches!(length, Length::Known(0)) || ended && matches!(length, Length::Chunked) {
            self.body = None;
        }
        if piece.len() <= COPIED {
            self.framing.extend_from_slice(&piece);
            self.framing.extend_from_slice(std::mem::take(&mut self.close));
        } else {
            self.piece = piece;
        }
        Poll::Ready(Ok(()))
    }
}

fn wrong(what: Wrong) -> BackendError {
    BackendError::Upload(what.into())
}

/// `None` for a request without a body.
fn length(headers: &HeaderMap, body: &RequestBody) -> Result<Option<Length>, BackendError> {
    let known = match headers.get(header::CONTENT_LENGTH) {
        Some(value) if !headers.contains_key(header::TRANSFER_ENCODING) => {
            let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let length = digits.and_then(|text| text.parse().ok());
            Some(length.ok_or_else(|| wrong(Wrong::NoNumber))?)
        }
        _ => None,
    };
    match (body, known) {
        (RequestBody::Empty, None | Some(0)) => Ok(None),
        (RequestBody::Empty, Some(_)) => Err(wrong(Wrong::TooShort)),
        (RequestBody::Streamed { .. }, Some(length)) => Ok(Some(Length::Known(length))),
        (RequestBody::Streamed { .. }, None) => Ok(Some(Length::Chunked)),
    }
}

/// Of where the body ends it says what is so, whatever the client said.
fn write_head(to: &mut BytesMut, head: &request::Parts, added: Option<&Added<'_>>, length: Option<&Length>) {
    to.extend_from_slice(head.method.as_str().as_bytes());
    to.put_u8(b' ');
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    to.extend_from_slice(target.as_bytes());
    to.extend_from_slice(b" HTTP/1.1\r\n");
    write_fields(to, &head.headers);
    if let Some(added) = added {
        added.write(to);
    }
    match (length, head.headers.get(header::CONTENT_LENGTH)) {
        (Some(Length::Chunked), _) => to.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        (_, Some(known)) => fields::write(to, &header::CONTENT_LENGTH, known),
        (_, None) => {}
    }
    to.extend_from_slice(b"\r\n");
}

/// All but those that frame the body.
fn write_fields(to: &mut BytesMut, headers: &HeaderMap) {
    for (name, value) in headers {
        if *name != header::CONTENT_LENGTH && *name != header::TRANSFER_ENCODING {
            fields::write(to, name, value);
        }
    }
}

//! An answer on its way in: the head, then the body.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::{Method, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::ext::ReasonPhrase;
use roost_wire::answer::{self, Chunks, Framing, Head, Invalid, Piece};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::{BackendError, MAX_INTERIM, piece_size::PieceSize};
use crate::{hints::Hinting, limits::MAX_BUFFER};

/// Read at a time of a head and what comes with it.
const HEAD: usize = 4 * 1024;

pub(super) struct Reading {
    /// Read and not taken yet.
    input: BytesMut,
    /// It has room for more than a head.
    is_large: bool,
    piece: PieceSize,
    state: State,
    /// The connection may serve again after this answer.
    keeps: bool,
}

enum State {
    /// Before the first request, and after an answer.
    Ended,
    Head {
        method: Method,
        interim: u8,
        searched: usize,
    },
    Length(u64),
    Chunks(Chunks),
    UntilClose,
    /// Nothing can be read any more.
    Broken,
}

impl Default for Reading {
    fn default() -> Self {
        let (input, piece) = (BytesMut::new(), PieceSize::default());
        Self { input, is_large: false, piece, state: State::Ended, keeps: true }
    }
}

impl Reading {
    pub fn begin(&mut self, method: &Method) {
        self.state = State::Head { method: method.clone(), interim: 0, searched: 0 };
        self.piece = PieceSize::default();
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The answer has ended where it said, and nothing follows it. Gives up the room that a body took; that of a head
    /// is kept for the next one.
    pub fn may_serve_again(&mut self) -> bool {
        let may = self.has_ended() && self.keeps && self.input.is_empty();
        if may && std::mem::take(&mut self.is_large) {
            self.input = BytesMut::new();
        }
        may
    }

    pub fn size_hint(&self) -> SizeHint {
        match self.state {
            State::Ended => SizeHint::with_exact(0),
            State::Length(left) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }

    pub fn into_rest(self) -> Bytes {
        self.input.freeze()
    }

    pub fn poll_head<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        hints: Option<Hinting<'_>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<()>, BackendError>> {
        let result = ready!(self.poll_head_inner(io, hints, cx));
        if result.is_err() {
            self.state = State::Broken;
        }
        Poll::Ready(result)
    }

    fn poll_head_inner<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        hints: Option<Hinting<'_>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response<()>, BackendError>> {
        loop {
            if let Some(head) = self.take_head(hints)? {
                return Poll::Ready(Ok(self.answer(head)));
            }
            let begun = !self.input.is_empty() || matches!(self.state, State::Head { interim: 1.., .. });
            match ready!(self.poll_read(io, HEAD, cx)) {
                Ok(0) if begun => return Poll::Ready(Err(self.half_a_head())),
                Ok(0) => return Poll::Ready(Err(BackendError::Closed)),
                Ok(_) => {}
                Err(error) if begun => return Poll::Ready(Err(BackendError::Io(error))),
                Err(_) => return Poll::Ready(Err(BackendError::Closed)),
            }
        }
    }

    /// What came is the beginning of a head, or of something else.
    fn half_a_head(&mut self) -> BackendError {
        match Head::take(&mut self.input, &Method::GET) {
            Err(invalid) => invalid.into(),
            Ok(_) => BackendError::Incomplete,
        }
    }

    /// The head of the answer itself, when all of it is here.
    fn take_head(&mut self, hints: Option<Hinting<'_>>) -> Result<Option<Head>, BackendError> {
        let State::Head { method, interim, searched } = &mut self.state else { return Ok(None) };
        loop {
            let taken = match answer::has_head(&self.input, *searched) {
                true => Head::take(&mut self.input, method)?,
                false => None,
            };
            let Some(head) = taken else {
                if self.input.len() >= MAX_BUFFER {
                    return Err(BackendError::Invalid(Invalid::TooLarge));
                }
                *searched = self.input.len();
                return Ok(None);
            };
            *searched = 0;
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Some(head));
            }
            *interim += 1;
            if *interim > MAX_INTERIM {
                return Err(BackendError::Invalid(Invalid::Interim));
            }
            if let Some(hints) = hints {
                hints.say(head.status, head.headers);
            }
        }
    }

    fn answer(&mut self, head: Head) -> Response<()> {
        self.keeps = head.keeps;
        self.state = match head.framing {
            Framing::Length(0) => State::Ended,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunks(Chunks::default()),
            Framing::UntilClose => State::UntilClose,
        };
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.version_mut() = head.version;
        *response.headers_mut() = head.headers;
        if let Some(reason) = head.reason.and_then(|reason| ReasonPhrase::try_from(reason).ok()) {
            response.extensions_mut().insert(reason);
        }
        response
    }

    pub fn poll_frame<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        loop {
            match self.take_frame() {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) if matches!(self.state, State::Ended | State::Broken) => return Poll::Ready(None),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(self.broken(error)))),
            }
            let most = self.piece.next();
            let wanted = match self.state {
                State::Length(left) => usize::try_from(left).map_or(most, |left| left.min(most)),
                _ => most,
            };
            match ready!(self.poll_read(io, wanted, cx)) {
                Ok(0) if matches!(self.state, State::UntilClose) => {
                    self.state = State::Ended;
                    return Poll::Ready(None);
                }
                Ok(0) => return Poll::Ready(Some(Err(self.broken(BackendError::Incomplete)))),
                Ok(count) => self.piece.read(count),
                Err(error) => return Poll::Ready(Some(Err(self.broken(BackendError::Io(error))))),
            }
        }
    }

    /// A piece that is here already.
    fn take_frame(&mut self) -> Result<Option<Frame<Bytes>>, BackendError> {
        let piece = match &mut self.state {
            State::Chunks(chunks) => {
                let piece = chunks.take(&mut self.input)?;
                if chunks.ended() {
                    self.state = State::Ended;
                }
                match piece {
                    Some(Piece::Data(piece)) => piece,
                    Some(Piece::Trailers(trailers)) if !trailers.is_empty() => {
                        return Ok(Some(Frame::trailers(trailers)));
                    }
                    Some(Piece::Trailers(_)) | None => return Ok(None),
                }
            }
            State::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(self.input.len());
                let piece = self.input.split_to(taken).freeze();
                *left -= taken as u64;
                if *left == 0 {
                    self.state = State::Ended;
                }
                piece
            }
            State::UntilClose => self.input.split().freeze(),
            State::Ended | State::Broken | State::Head { .. } => return Ok(None),
        };
        Ok((!piece.is_empty()).then(|| Frame::data(piece)))
    }

    fn broken(&mut self, error: BackendError) -> BackendError {
        self.state = State::Broken;
        error
    }

    fn poll_read<Io: AsyncRead + Unpin>(
        &mut self,
        io: &mut Io,
        room: usize,
        cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        self.is_large |= room > HEAD;
        self.input.reserve(room);
        poll_read_buf(Pin::new(io), cx, &mut self.input)
    }
}

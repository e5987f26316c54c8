//! The body of a request on its way to a machine.
//!
//! What has been taken from the client is kept, as the pieces in which it came, until there is an answer that ends
//! the matter: an app may want the request served elsewhere. Past a limit nothing is kept any more.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::{
    client_body::{ClientBody, UploadError},
    limits::{MAX_KEPT_BODIES, MAX_REPLAYED_BODY},
};

/// What a kept piece costs beside its bytes: many small ones shall not be cheap.
const PIECE_COST: usize = 64;

/// Empty, or streamed from the client as the machine takes it.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Streamed {
        upload: Upload,
        /// The next of the kept pieces to give; past them come those of the client.
        next: usize,
    },
}

/// A body as it comes from the client; whoever waits for the answer has a handle on it, too.
#[derive(Debug, Clone)]
pub(crate) struct Upload(Arc<Mutex<Taken>>);

#[derive(Debug)]
struct Taken {
    incoming: ClientBody,
    progress: Progress,
    /// `None` once it was too much, or is not needed any more.
    kept: Option<Kept>,
}

/// How far an upload has come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    /// That the machine has taken: a long upload is told from a silent app by them.
    pub pieces: u64,
    /// Of the client.
    pub bytes: u64,
    /// How often the client had to be waited for, and whether it is now.
    pub waits: u64,
    pub is_waited_for: bool,
}

/// All of a body so far.
#[derive(Debug)]
struct Kept {
    pieces: Vec<Bytes>,
    trailers: Option<HeaderMap>,
    cost: usize,
    room: Arc<Room>,
}

/// Bytes of bodies that one edge keeps.
#[derive(Debug, Default)]
pub(crate) struct Room(AtomicUsize);

impl Room {
    fn take(&self, cost: usize) -> bool {
        let step = |taken: usize| Some(taken + cost).filter(|taken| *taken <= MAX_KEPT_BODIES);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

impl Kept {
    /// Keeps one more piece; false when that is too much.
    fn keep(&mut self, piece: &Bytes) -> bool {
        let cost = piece.len() + PIECE_COST;
        if self.cost + cost > MAX_REPLAYED_BODY || !self.room.take(cost) {
            return false;
        }
        self.cost += cost;
        self.pieces.push(piece.clone());
        true
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.cost, Ordering::Relaxed);
    }
}

impl Upload {
    pub fn progress(&self) -> Progress {
        self.taken().progress
    }

    /// The body from its beginning; `None` when that was not kept.
    pub fn again(&self) -> Option<RequestBody> {
        self.taken().kept.as_ref()?;
        Some(RequestBody::Streamed { upload: self.clone(), next: 0 })
    }

    /// Nobody will ask for it again.
    pub fn keep_no_longer(&self) {
        self.taken().kept = None;
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestBody {
    /// The body, and a handle on it unless it is empty.
    pub fn new(incoming: ClientBody, room: &Arc<Room>) -> (Self, Option<Upload>) {
        if incoming.is_end_stream() {
            return (Self::Empty, None);
        }
        let kept = Kept { pieces: Vec::new(), trailers: None, cost: 0, room: room.clone() };
        let taken = Taken { incoming, progress: Progress::default(), kept: Some(kept) };
        let upload = Upload(Arc::new(Mutex::new(taken)));
        (Self::Streamed { upload: upload.clone(), next: 0 }, Some(upload))
    }
}

impl Taken {
    /// A piece that was kept, or the trailers behind the last.
    fn kept(&self, next: usize) -> Option<Frame<Bytes>> {
        let kept = self.kept.as_ref()?;
        match kept.pieces.get(next) {
            Some(piece) => Some(Frame::data(piece.clone())),
            None if next == kept.pieces.len() => kept.trailers.clone().map(Frame::trailers),
            None => None,
        }
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        let Some(kept) = &mut self.kept else { return };
        let keeps = match (frame.data_ref(), frame.trailers_ref()) {
            (Some(piece), _) => kept.keep(piece),
            (None, trailers) => {
                kept.trailers = trailers.cloned();
                true
            }
        };
        if !keeps {
            self.kept = None;
        }
    }

    /// The next piece of the client's.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        self.progress.is_waited_for = polled.is_pending();
        self.progress.waits += u64::from(polled.is_pending());
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.progress.bytes += frame.data_ref().map_or(0, |piece| piece.len() as u64);
            self.keep(frame);
        }
        polled
    }

    /// Bytes of kept pieces from `next` on.
    fn kept_bytes(&self, next: usize) -> u64 {
        let pieces = self.kept.as_ref().and_then(|kept| kept.pieces.get(next..)).unwrap_or_default();
        pieces.iter().map(|piece| piece.len() as u64).sum()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let Self::Streamed { upload, next } = self.get_mut() else { return Poll::Ready(None) };
        let mut taken = upload.taken();
        let frame = match taken.kept(*next) {
            Some(frame) => frame,
            None => match ready!(taken.poll_incoming(cx)?) {
                Some(frame) => frame,
                None => return Poll::Ready(None),
            },
        };
        taken.progress.pieces += 1;
        *next += 1;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streamed { upload, next } => {
                let taken = upload.taken();
                taken.kept(*next).is_none() && taken.incoming.is_end_stream()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let Self::Streamed { upload, next } = self else { return SizeHint::with_exact(0) };
        let taken = upload.taken();
        let (kept, mut hint) = (taken.kept_bytes(*next), taken.incoming.size_hint());
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + kept);
        }
        hint.set_lower(hint.lower() + kept);
        hint
    }
}

//! An app's answer over HTTP/1.1 (RFC 9112): its head, and where its body ends.
//!
//! Read strictly: what two readers could read differently is refused, for the next answer of the connection would be
//! found elsewhere.

mod chunks;
mod head;

pub use self::{
    chunks::{Chunks, Piece},
    head::{Framing, Head},
};

/// Most fields of a head, or of the trailers of a body.
pub const MAX_FIELDS: usize = 100;

/// Why bytes are no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("its head is not one of HTTP/1: {0}")]
    Head(httparse::Error),
    #[error("its status is none")]
    Status,
    #[error("its content-length is no number, or comes twice and differs")]
    Length,
    #[error("it has a content-length beside a transfer-encoding")]
    TwoFramings,
    #[error("of transfer codings only chunked, once and by HTTP/1.1, is read")]
    Coding,
    #[error("its head is too large")]
    TooLarge,
    #[error("it is announced without end")]
    Interim,
    #[error("a chunk of its body is none")]
    Chunk,
    #[error("the extensions of its chunks are too long")]
    Extensions,
    #[error("its trailers are none, or too long")]
    Trailers,
}

/// Whether a head ends in `bytes`, of which `searched` were searched before: so one that drips in is looked at once.
pub fn has_head(bytes: &[u8], searched: usize) -> bool {
    let from = searched.saturating_sub(3);
    let mut ends = memchr::memchr_iter(b'\n', &bytes[from..]).map(|at| &bytes[from + at + 1..]);
    ends.any(|rest| rest.starts_with(b"\n") || rest.starts_with(b"\r\n"))
}

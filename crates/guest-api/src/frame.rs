//! Frames on the stream between host and guest.
//!
//! A frame is `COBS(session ‖ message ‖ crc32) ‖ 0x00`: the session number in 8 bytes, the message as
//! JSON, and the CRC-32 (IEEE) of both in 4 bytes, numbers little-endian. COBS (Cheshire and Baker,
//! "Consistent Overhead Byte Stuffing", 1997) leaves the zero byte to the delimiter.
//!
//! The stream of a virtio-serial port outlives the host agent's connections to it: a new connection may
//! begin in the middle of a frame, and frames meant for the agent before may still be in the pipe. So a
//! reader finds its feet at the next delimiter, the checksum rejects torn frames, and the session
//! number tells whose frame it is. Nothing here knows what a session means.

use serde::{Serialize, de::DeserializeOwned};

const SESSION: usize = 8;
const CHECKSUM: usize = 4;

/// A message and the session in which it was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<M> {
    pub session: u64,
    pub message: M,
}

/// Why a message was not written or a stretch of the stream was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameError {
    /// Longer than the limit, in bytes.
    TooLong { limit: usize },
    /// Not a whole frame, or damaged.
    Torn,
    /// A whole frame whose message is not known here.
    Unknown(String),
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FrameError::TooLong { limit } => write!(f, "the message is longer than {limit} bytes"),
            FrameError::Torn => write!(f, "the frame is torn or damaged"),
            FrameError::Unknown(reason) => write!(f, "the message is not understood: {reason}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// The bytes of one frame. It begins with a delimiter too, which ends whatever was cut off before it.
pub fn encode(session: u64, message: &impl Serialize, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut body = session.to_le_bytes().to_vec();
    serde_json::to_writer(&mut body, message).map_err(|error| FrameError::Unknown(error.to_string()))?;
    if body.len() - SESSION > limit {
        return Err(FrameError::TooLong { limit });
    }
    body.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    let mut bytes = Vec::with_capacity(cobs::max_encoding_length(body.len()) + 2);
    bytes.push(0);
    bytes.extend_from_slice(&cobs::encode_vec(&body));
    bytes.push(0);
    Ok(bytes)
}

/// Takes a stream in pieces of any size and gives its frames.
#[derive(Debug)]
pub struct Decoder {
    /// Bytes since the last delimiter, or nothing while `skipping`.
    pending: Vec<u8>,
    /// The frame under way is too long: drop everything up to the next delimiter.
    skipping: bool,
    limit: usize,
}

impl Decoder {
    /// `limit`: longest message that is accepted, in bytes.
    pub fn new(limit: usize) -> Decoder {
        Decoder { pending: Vec::new(), skipping: false, limit }
    }

    /// Feeds `bytes` and calls `each` with every frame that they complete, good or bad, in order.
    pub fn push<M: DeserializeOwned>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Result<Frame<M>, FrameError>),
    ) {
        let mut pieces = bytes.split(|byte| *byte == 0).peekable();
        while let Some(piece) = pieces.next() {
            self.extend(piece);
            let delimited = pieces.peek().is_some();
            if delimited && let Some(frame) = self.finish() {
                each(frame);
            }
        }
    }

    fn extend(&mut self, piece: &[u8]) {
        let longest = cobs::max_encoding_length(SESSION + self.limit + CHECKSUM);
        if self.pending.len() + piece.len() > longest {
            self.skipping = true;
            self.pending = Vec::new();
        }
        if !self.skipping {
            self.pending.extend_from_slice(piece);
        }
    }

    /// What lies between two delimiters; nothing if they touch.
    fn finish<M: DeserializeOwned>(&mut self) -> Option<Result<Frame<M>, FrameError>> {
        if std::mem::take(&mut self.skipping) {
            return Some(Err(FrameError::TooLong { limit: self.limit }));
        }
        if self.pending.is_empty() {
            return None;
        }
        let frame = open(&self.pending);
        // One huge configuration must not keep its memory for good.
        self.pending.clear();
        self.pending.shrink_to(64 << 10);
        Some(frame)
    }
}

fn open<M: DeserializeOwned>(encoded: &[u8]) -> Result<Frame<M>, FrameError> {
    let body = cobs::decode_vec(encoded).map_err(|_| FrameError::Torn)?;
    let (body, checksum) = body.split_last_chunk::<CHECKSUM>().ok_or(FrameError::Torn)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
        return Err(FrameError::Torn);
    }
    let (session, message) = body.split_first_chunk::<SESSION>().ok_or(FrameError::Torn)?;
    let message = serde_json::from_slice(message).map_err(|error| FrameError::Unknown(error.to_string()))?;
    Ok(Frame { session: u64::from_le_bytes(*session), message })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Result<Frame<String>, FrameError>> {
        let mut frames = Vec::new();
        decoder.push(bytes, |frame| frames.push(frame));
        frames
    }

    #[test]
    fn a_reader_that_joins_in_the_middle_of_a_frame_resumes_at_the_next() {
        let first = encode(1, &"a frame that nobody reads whole", 100).unwrap();
        let second = encode(2, &"hello", 100).unwrap();
        let stream = [&first[10..], &second].concat();
        let frames = decode(&mut Decoder::new(100), &stream);
        assert_eq!(frames[0], Err(FrameError::Torn));
        assert_eq!(frames[1], Ok(Frame { session: 2, message: "hello".into() }));
    }

    #[test]
    fn a_frame_cut_off_by_its_writer_does_not_spoil_the_next() {
        let cut = encode(1, &"cut off", 100).unwrap();
        let whole = encode(2, &"whole", 100).unwrap();
        let frames = decode(&mut Decoder::new(100), &[&cut[..cut.len() - 4], &whole].concat());
        assert_eq!(frames.last(), Some(&Ok(Frame { session: 2, message: "whole".into() })));
        assert_eq!(frames.iter().filter(|frame| frame.is_ok()).count(), 1);
    }

    #[test]
    fn an_endless_frame_holds_no_memory_and_is_reported_once() {
        let mut decoder = Decoder::new(100);
        for _ in 0..1000 {
            assert!(decode(&mut decoder, &[b'x'; 1000]).is_empty());
        }
        assert!(decoder.pending.capacity() < 4096);
        let frames = decode(&mut decoder, &encode(1, &"after", 100).unwrap());
        assert_eq!(frames[0], Err(FrameError::TooLong { limit: 100 }));
        assert_eq!(frames[1], Ok(Frame { session: 1, message: "after".into() }));
    }

    #[test]
    fn a_message_over_the_limit_is_refused_by_its_writer() {
        assert_eq!(encode(1, &"x".repeat(99), 100), Err(FrameError::TooLong { limit: 100 }));
        assert!(encode(1, &"x".repeat(98), 100).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_in_pieces_of_any_size(
            messages in prop::collection::vec((any::<u64>(), ".{0,200}"), 1..8),
            piece in 1usize..64,
        ) {
            let stream: Vec<u8> =
                messages.iter().flat_map(|(session, text)| encode(*session, text, 4096).unwrap()).collect();
            let mut decoder = Decoder::new(4096);
            let frames: Vec<_> =
                stream.chunks(piece).flat_map(|chunk| decode(&mut decoder, chunk)).collect();
            let expected: Vec<_> = messages
                .into_iter()
                .map(|(session, message)| Ok(Frame { session, message }))
                .collect();
            prop_assert_eq!(frames, expected);
        }

        #[test]
        fn a_flipped_byte_never_gives_a_frame_that_was_not_written(
            at in 0usize..40, flip in 1u8..=255,
        ) {
            let mut bytes = encode(7, &"a message of some length", 100).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            for frame in decode(&mut Decoder::new(100), &bytes).into_iter().flatten() {
                // A flip in a delimiter may leave the frame itself whole.
                prop_assert_eq!(frame, Frame { session: 7, message: "a message of some length".into() });
            }
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            decode(&mut Decoder::new(100), &bytes);
        }
    }
}

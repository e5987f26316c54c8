//! How much of a body is read at a time.
//!
//! Each piece wakes both ends, whatever its size: large ones cost a download little over half of the CPU. But what one
//! client takes its time for is memory that others do not have. So pieces begin small, and grow as long as the app has
//! filled the last one and the client has taken it at once.

use tokio::time::Instant;

use crate::limits::{LARGEST_PIECE, MAX_BUFFER, TAKEN_AT_ONCE};

pub(super) struct PieceSize {
    bytes: usize,
    /// When the last piece was handed on, if it was as large as it could be.
    filled: Option<Instant>,
}

impl Default for PieceSize {
    fn default() -> Self {
        Self { bytes: MAX_BUFFER, filled: None }
    }
}

impl PieceSize {
    /// Of the next one, which is asked for now.
    pub fn next(&mut self) -> usize {
        if let Some(filled) = self.filled.take() {
            self.bytes = match filled.elapsed() < TAKEN_AT_ONCE {
                true => LARGEST_PIECE.min(self.bytes * 2),
                false => MAX_BUFFER,
            };
        }
        self.bytes
    }

    /// So many bytes have been read and are handed on. An app that gives less is not given room for more.
    pub fn read(&mut self, count: usize) {
        self.filled = (count >= self.bytes).then(Instant::now);
        self.bytes = count.clamp(MAX_BUFFER, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pieces_grow_while_both_ends_are_fast() {
        let mut size = PieceSize::default();
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(size.next() / 1024);
            size.read(size.bytes);
        }
        assert_eq!(seen, [64, 128, 256, 256]);
        advance(TAKEN_AT_ONCE).await;
        assert_eq!(size.next(), MAX_BUFFER, "the client took its time");
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_that_gives_little_is_read_in_small_pieces() {
        let mut size = PieceSize { bytes: LARGEST_PIECE, filled: None };
        for given in [2 * MAX_BUFFER, 1, MAX_BUFFER - 1] {
            assert!(size.next() > given);
            size.read(given);
            advance(Duration::from_millis(1)).await;
            assert_eq!(size.next(), given.max(MAX_BUFFER));
        }
    }
}

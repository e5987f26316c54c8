//! Bytes of a pipe to lines.

use crate::channel::MAX_LINE;

/// Bytes that are not a whole line yet.
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Feeds `bytes` and calls `each` with every line that they complete, without its newline. Overlong
    /// lines come in pieces of [`MAX_LINE`] bytes.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(String)) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            self.extend(text, &mut each);
            if ended {
                each(text_of(self.partial.strip_suffix(b"\r").unwrap_or(&self.partial)));
                self.partial.clear();
            }
        }
    }

    /// The rest, when nothing more comes.
    pub fn finish(&mut self, each: impl FnOnce(String)) {
        if !self.partial.is_empty() {
            each(text_of(&std::mem::take(&mut self.partial)));
        }
    }

    fn extend(&mut self, mut text: &[u8], each: &mut impl FnMut(String)) {
        while self.partial.len() + text.len() > MAX_LINE {
            let (head, tail) = text.split_at(cut(&self.partial, text));
            self.partial.extend_from_slice(head);
            each(text_of(&std::mem::take(&mut self.partial)));
            text = tail;
        }
        self.partial.extend_from_slice(text);
    }
}

/// How much of `text` still fits a record, without tearing a UTF-8 character where one is near.
fn cut(partial: &[u8], text: &[u8]) -> usize {
    const LONGEST_CHARACTER: usize = 4;
    let room = MAX_LINE - partial.len();
    let is_boundary = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let earliest = room.saturating_sub(LONGEST_CHARACTER - 1);
    let boundary = (earliest..=room).rev().find(is_boundary).unwrap_or(room);
    // An empty record would never end the loop.
    if boundary == 0 && partial.is_empty() { room } else { boundary }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for piece in pieces {
            lines.push(piece, |line| all.push(line));
        }
        lines.finish(|line| all.push(line));
        all
    }

    #[test]
    fn lines_are_joined_across_reads_and_the_rest_is_not_lost() {
        assert_eq!(lines_of(&[b"one\ntw", b"o\n\nend"]), ["one", "two", "", "end"]);
        assert_eq!(lines_of(&[b"dos\r\nunix\n"]), ["dos", "unix"]);
    }

    #[test]
    fn an_endless_line_comes_in_pieces_that_join_to_the_whole() {
        let long = "é".repeat(MAX_LINE * 2);
        for size in [1000, 4096, 1 << 20] {
            let pieces: Vec<&[u8]> = long.as_bytes().chunks(size).collect();
            let lines = lines_of(&pieces);
            assert!(lines.iter().all(|line| line.len() <= MAX_LINE));
            assert_eq!(lines.concat(), long);
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        assert_eq!(lines_of(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }
}

//! The last of what a guest wrote to its serial console.

use std::collections::VecDeque;

/// Kept of a serial console.
pub const CONSOLE_BYTES: usize = 64 << 10;

#[derive(Default)]
pub(crate) struct Console(VecDeque<u8>);

impl Console {
    pub fn append(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(CONSOLE_BYTES)..];
        let excess = (self.0.len() + bytes.len()).saturating_sub(CONSOLE_BYTES);
        self.0.drain(..excess);
        self.0.extend(bytes);
    }

    pub fn tail(&self) -> String {
        let (front, back) = self.0.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let mut console = Console::default();
        console.append(b"first");
        console.append(&vec![b'x'; CONSOLE_BYTES - 2]);
        console.append(b"yz");
        let tail = console.tail();
        assert_eq!(tail.len(), CONSOLE_BYTES);
        assert!(tail.starts_with('x') && tail.ends_with("xyz"));
        console.append(&vec![b'w'; 3 * CONSOLE_BYTES]);
        assert_eq!(console.tail(), "w".repeat(CONSOLE_BYTES));
    }
}

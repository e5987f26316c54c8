//! Any bytes as an app's output, in pieces of any size: lines that are not longer than a line may be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roost_guest_api::{channel::MAX_LINE, lines::Lines};

/// Bytes of the character that stands for a byte that is no text.
const REPLACED: usize = 3;

fuzz_target!(|input: (u16, &[u8])| {
    let (size, bytes) = input;
    let lines = lines(bytes.chunks(usize::from(size).max(1)));
    assert!(lines.iter().all(|line| line.len() <= REPLACED * MAX_LINE && !line.contains('\n')));
    if bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= MAX_LINE) {
        assert_eq!(lines, self::lines([bytes].into_iter()), "the same, all at once");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let plain = |text: &str| text.replace(['\r', '\n'], "");
        assert_eq!(plain(&lines.concat()), plain(text), "nothing is lost");
    }
});

fn lines<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let (mut lines, mut all) = (Lines::default(), Vec::new());
    pieces.for_each(|piece| lines.push(piece, |line| all.push(line)));
    lines.finish(|line| all.push(line));
    all
}

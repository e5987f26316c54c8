//! Where the frames of one direction of a WebSocket begin and end (RFC 6455, section 5.2): a frame of the edge's own
//! may be put between two, and nowhere else. What is in them is not looked at.

/// Follows the bytes of one direction.
#[derive(Debug, Default)]
pub struct Frames {
    /// The header of the frame that has begun, as far as it is here.
    header: [u8; LONGEST_HEADER],
    have: usize,
    /// Bytes of its payload that have not come.
    payload_left: u64,
    closed: bool,
}

/// Flags and opcode, length in up to nine bytes, mask.
const LONGEST_HEADER: usize = 14;

const OPCODE: u8 = 0x0f;
const CLOSE: u8 = 0x8;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The end goes away, as a server that stops does (RFC 6455, section 7.4.1).
const GOING_AWAY: u16 = 1001;

impl Frames {
    /// Takes note of `bytes`; answers how many of them come before the last boundary, if there is one.
    pub fn pass(&mut self, bytes: &[u8]) -> Option<usize> {
        let (all, mut bytes) = (bytes.len(), bytes);
        let mut boundary = None;
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let skipped = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
                self.payload_left -= skipped as u64;
                bytes = &bytes[skipped..];
            } else {
                self.take_of_header(bytes[0]);
                bytes = &bytes[1..];
            }
            if self.at_boundary() {
                boundary = Some(all - bytes.len());
            }
        }
        boundary
    }

    fn take_of_header(&mut self, byte: u8) {
        self.header[self.have] = byte;
        self.have += 1;
        if self.have >= 2 && self.have == self.header_length() {
            self.payload_left = self.payload_length();
            self.closed = self.closed || self.header[0] & OPCODE == CLOSE;
            self.have = 0;
        }
    }

    pub fn at_boundary(&self) -> bool {
        self.have == 0 && self.payload_left == 0
    }

    /// A close frame has passed, or begun to.
    pub fn closed(&self) -> bool {
        self.closed
    }

    fn header_length(&self) -> usize {
        let length = match self.header[1] & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.header[1] & MASKED != 0 { 4 } else { 0 };
        2 + length + mask
    }

    fn payload_length(&self) -> u64 {
        let [_, short, a, b, c, d, e, f, g, h, ..] = self.header;
        match short & !MASKED {
            126 => u16::from_be_bytes([a, b]).into(),
            127 => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            short => short.into(),
        }
    }
}

/// Says that the other end goes away. What goes to an app is masked, as all that clients send.
pub fn going_away(mask: Option<[u8; 4]>) -> Vec<u8> {
    let code = GOING_AWAY.to_be_bytes();
    match mask {
        None => [&[FINAL | CLOSE, 2][..], &code].concat(),
        Some(mask) => {
            let masked = [code[0] ^ mask[0], code[1] ^ mask[1]];
            [&[FINAL | CLOSE, MASKED | 2][..], &mask, &masked].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unmasked or masked binary frame.
    fn frame(length: usize, masked: bool) -> Vec<u8> {
        let flag = if masked { MASKED } else { 0 };
        let mut frame = vec![FINAL | 2];
        match length {
            0..126 => frame.push(flag | length as u8),
            126..65536 => {
                frame.push(flag | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(flag | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(if masked { vec![1, 2, 3, 4] } else { vec![] });
        // Looks like close frames, and is none.
        frame.extend(vec![0x88; length]);
        frame
    }

    #[test]
    fn boundaries_are_found_however_the_bytes_are_cut() {
        for piece in [1, 2, 3, 7, 4096] {
            let mut frames = Frames::default();
            for (length, masked) in
                [(0, false), (5, true), (125, false), (126, true), (65_535, true), (65_536, false)]
            {
                let bytes = frame(length, masked);
                for (n, cut) in bytes.chunks(piece).enumerate() {
                    let ends = (n + 1) * piece >= bytes.len();
                    let boundary = frames.pass(cut);
                    assert_eq!(boundary, ends.then_some(cut.len()), "{length} in pieces of {piece}");
                }
            }
            assert!(!frames.closed());
            let close = going_away(Some([1, 2, 3, 4]));
            assert_eq!(frames.pass(&[&close, &[0x82][..]].concat()), Some(close.len()));
            assert!(frames.closed() && !frames.at_boundary());
        }
    }
}

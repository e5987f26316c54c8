//! A body in chunks (RFC 9112, section 7.1), taken apart as it comes.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use httparse::{EMPTY_HEADER, Status, parse_headers};

use super::{Invalid, MAX_FIELDS};

/// Bytes of all extensions of one body, and of its trailers: nobody uses the first, and the second are a checksum
/// or two.
const MAX_EXTENSIONS: usize = 16 * 1024;
const MAX_TRAILERS: usize = 16 * 1024;

/// Hexadecimal digits of a 64-bit number.
const MAX_DIGITS: u8 = 16;

/// They say where a message ends, whom it is for, and what becomes of its connection: it is too late for that.
const NO_TRAILERS: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
];

/// Follows one body.
#[derive(Debug)]
pub struct Chunks {
    state: State,
    extensions: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Data(Bytes),
    /// The last.
    Trailers(HeaderMap),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size {
        digits: u8,
        size: u64,
    },
    Extension {
        size: u64,
    },
    /// A CR has ended the line of a size.
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    Trailers,
    Done,
}

const SIZE: State = State::Size { digits: 0, size: 0 };

impl Default for Chunks {
    fn default() -> Self {
        Self { state: SIZE, extensions: 0 }
    }
}

impl Chunks {
    /// The last piece was taken.
    pub fn ended(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the next piece from the front of `bytes`, if there is one; trailers come even where there are none.
    pub fn take(&mut self, bytes: &mut BytesMut) -> Result<Option<Piece>, Invalid> {
        loop {
            match self.state {
                State::Done => return Ok(None),
                State::Trailers => {
                    let trailers = trailers(bytes)?;
                    if trailers.is_some() {
                        self.state = State::Done;
                    }
                    return Ok(trailers.map(Piece::Trailers));
                }
                State::Data { left } => {
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let left = left - length as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data { left } };
                    return Ok(Some(Piece::Data(bytes.split_to(length).freeze())));
                }
                _ => {
                    let Some(&byte) = bytes.first() else { return Ok(None) };
                    self.state = self.step(byte)?;
                    bytes.advance(1);
                }
            }
        }
    }

    /// One byte between chunks.
    fn step(&mut self, byte: u8) -> Result<State, Invalid> {
        match (self.state, byte) {
            (State::Size { digits: 1.., size }, b'\r') | (State::Extension { size }, b'\r') => {
                Ok(State::SizeLf { size })
            }
            (State::Size { digits: 1.., size }, b';' | b' ' | b'\t') => Ok(State::Extension { size }),
            (State::Size { digits: 0..MAX_DIGITS, size }, _) if byte.is_ascii_hexdigit() => {
                let State::Size { digits, .. } = self.state else { return Err(Invalid::Chunk) };
                let digit = char::from(byte).to_digit(16).ok_or(Invalid::Chunk)?;
                Ok(State::Size { digits: digits + 1, size: size << 4 | u64::from(digit) })
            }
            (State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extensions += 1;
                if self.extensions > MAX_EXTENSIONS {
                    return Err(Invalid::Extensions);
                }
                Ok(State::Extension { size })
            }
            (State::SizeLf { size: 0 }, b'\n') => Ok(State::Trailers),
            (State::SizeLf { size }, b'\n') => Ok(State::Data { left: size }),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(SIZE),
            _ => Err(Invalid::Chunk),
        }
    }
}

fn trailers(bytes: &mut BytesMut) -> Result<Option<HeaderMap>, Invalid> {
    let mut room = [EMPTY_HEADER; MAX_FIELDS];
    let (length, fields) = match parse_headers(bytes, &mut room) {
        Ok(Status::Complete(complete)) => complete,
        Ok(Status::Partial) if bytes.len() < MAX_TRAILERS => return Ok(None),
        _ => return Err(Invalid::Trailers),
    };
    if length > MAX_TRAILERS {
        return Err(Invalid::Trailers);
    }
    let mut trailers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Invalid::Trailers)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| Invalid::Trailers)?;
        if !NO_TRAILERS.contains(&name) {
            trailers.append(name, value);
        }
    }
    bytes.advance(length);
    Ok(Some(trailers))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All data, the trailers, and what is left behind them.
    type Read = (Vec<u8>, Option<HeaderMap>, Vec<u8>);

    /// Reads `body`, which comes in pieces of `cut` bytes.
    fn read(body: &[u8], cut: usize) -> Result<Read, Invalid> {
        let (mut chunks, mut bytes) = (Chunks::default(), BytesMut::new());
        let (mut data, mut trailers) = (Vec::new(), None);
        for piece in body.chunks(cut) {
            bytes.extend_from_slice(piece);
            while let Some(piece) = chunks.take(&mut bytes)? {
                match piece {
                    Piece::Data(piece) => data.extend_from_slice(&piece),
                    Piece::Trailers(fields) => trailers = Some(fields),
                }
            }
        }
        Ok((data, trailers, bytes.to_vec()))
    }

    #[test]
    fn a_body_is_the_same_however_it_is_cut() {
        let body =
            b"5;a=\"b\"\r\nhello\r\n000a \r\n0123456789\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\nHTTP";
        for cut in 1..=body.len() {
            let (data, trailers, rest) = read(body, cut).unwrap();
            assert_eq!(data, b"hello0123456789", "in pieces of {cut}");
            let trailers = trailers.unwrap();
            assert_eq!((trailers.len(), &trailers["x-sum"]), (1, &HeaderValue::from_static("1")));
            assert_eq!(rest, b"HTTP");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let long = format!("5;{}\r\n", "x".repeat(MAX_EXTENSIONS + 1));
        let bad: [&[u8]; 12] = [
            b"\r\n",
            b";a\r\n",
            b"-1\r\n",
            b"0x5\r\n",
            b"5\n",
            b"5\r5",
            b"5;a\n",
            b"00000000000000005\r\n",
            b"10000000000000000\r\n",
            b"5\r\nhelloX",
            b"5\r\nhello\n",
            long.as_bytes(),
        ];
        for body in bad {
            for cut in [1, 3, body.len()] {
                assert!(read(body, cut).is_err(), "{:?}", String::from_utf8_lossy(body));
            }
        }
        assert_eq!(read(b"0\r\nno colon\r\n\r\n", 4), Err(Invalid::Trailers));
        let endless = [b"0\r\nX: ".to_vec(), vec![b'x'; MAX_TRAILERS]].concat();
        assert_eq!(read(&endless, 1000), Err(Invalid::Trailers));
    }
}

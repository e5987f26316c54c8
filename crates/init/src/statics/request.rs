//! What a client asks for. Pure.

use std::ops::Range;

/// Longest head; the edge has sent on what it took from the client.
pub const MAX_HEAD: usize = 96 << 10;

/// As many as the edge lets through, and those that it adds.
const MAX_HEADERS: usize = 128;

#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    pub head_only: bool,
    /// As it was sent, without the query.
    pub path: String,
    pub if_none_match: Option<String>,
    pub if_range: Option<String>,
    pub range: Option<ByteRange>,
    /// The client ends the connection with the answer.
    pub close: bool,
}

/// The first of `Range: bytes=`, when it is the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    From { first: u64, last: Option<u64> },
    Last(u64),
}

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub enum Unread {
    /// More bytes are needed.
    Partial,
    /// No HTTP/1.1, or no request without a body.
    Malformed,
    /// Neither GET nor HEAD.
    Method,
}

/// The first request of `bytes`, and how many of them are its head.
pub fn parse(bytes: &[u8]) -> Result<(Request, usize), Unread> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Err(Unread::Partial),
        Err(_) => return Err(Unread::Malformed),
    };
    let head_only = match head.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Unread::Method),
    };
    let value = |name: &str| {
        let found = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
    };
    let has_body = value("transfer-encoding").is_some() || value("content-length").is_some_and(|l| l != "0");
    let target = head.path.unwrap_or_default();
    if has_body || !target.starts_with('/') {
        return Err(Unread::Malformed);
    }
    let request = Request {
        head_only,
        path: target.split(['?', '#']).next().unwrap_or_default().to_owned(),
        if_none_match: value("if-none-match").map(str::to_owned),
        if_range: value("if-range").map(str::to_owned),
        range: value("range").and_then(byte_range),
        close: head.version != Some(1) || value("connection").is_some_and(closes),
    };
    Ok((request, length))
}

fn closes(connection: &str) -> bool {
    connection.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"))
}

fn byte_range(value: &str) -> Option<ByteRange> {
    let (first, last) = value.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    match (first, last) {
        ("", length) => Some(ByteRange::Last(number(length)?)),
        (first, "") => Some(ByteRange::From { first: number(first)?, last: None }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(ByteRange::From { first, last: Some(last) })
        }
    }
}

impl ByteRange {
    /// The bytes of a file of `size`; `None` when it has none of them.
    pub fn of(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From { first, last } => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
            Self::Last(length) => size.saturating_sub(length)..size,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// A path of a URL as bytes; `None` for one that is no path.
pub fn decoded(path: &str) -> Option<Vec<u8>> {
    let mut bytes = path.bytes();
    let mut out = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let digit = |b: u8| char::from(b).to_digit(16);
                u8::try_from(digit(bytes.next()?)? * 16 + digit(bytes.next()?)?).ok()?
            }
            byte => byte,
        };
        out.push(byte);
    }
    (!out.contains(&0)).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(headers: &str) -> Request {
        parse(format!("GET /a%20b.css?v=1 HTTP/1.1\r\nhost: x\r\n{headers}\r\n").as_bytes()).unwrap().0
    }

    #[test]
    fn a_request_is_read_when_its_head_is_whole() {
        let bytes = b"HEAD /x HTTP/1.1\r\nConnection: keep-alive, Close\r\n\r\nGET";
        assert_eq!(parse(&bytes[..20]), Err(Unread::Partial));
        let (request, length) = parse(bytes).unwrap();
        assert!(request.head_only && request.close && length == bytes.len() - 3);
        assert_eq!(decoded(&get("").path).unwrap(), b"/a b.css");
        assert_eq!(parse(b"POST / HTTP/1.1\r\n\r\n"), Err(Unread::Method));
        for bad in
            ["GET / HTTP/1.1\r\ncontent-length: 3\r\n\r\n", "GET http://x/ HTTP/1.1\r\n\r\n", "\x01\r\n\r\n"]
        {
            assert_eq!(parse(bad.as_bytes()), Err(Unread::Malformed), "{bad:?}");
        }
        for bad in ["/%", "/%2", "/%zz", "/%00"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }

    #[test]
    fn ranges_are_those_of_the_file() {
        let of = |value: &str| get(&format!("range: {value}\r\n")).range.map(|range| range.of(10));
        assert_eq!(of("bytes=2-4"), Some(Some(2..5)));
        assert_eq!(of("bytes=2-"), Some(Some(2..10)));
        assert_eq!(of("bytes=2-99"), Some(Some(2..10)));
        assert_eq!(of("bytes=-3"), Some(Some(7..10)));
        assert_eq!(of("bytes=-99"), Some(Some(0..10)));
        assert_eq!(of("bytes=10-"), Some(None));
        assert_eq!(of("bytes=-0"), Some(None));
        for all in ["bytes=4-2", "bytes=1-2,4-5", "lines=1-2", "bytes=+1-2"] {
            assert_eq!(of(all), None, "{all}");
        }
    }
}

//! The head of an answer.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use httparse::{ParserConfig, Response, Status};

use super::{Invalid, MAX_FIELDS};
use crate::fields::connection_options;

#[derive(Debug)]
pub struct Head {
    pub version: Version,
    pub status: StatusCode,
    /// Where it is not the usual one.
    pub reason: Option<Bytes>,
    pub headers: HeaderMap,
    pub framing: Framing,
    /// Whether the connection may serve again after the body's end.
    pub keeps: bool,
}

/// Where the body of an answer ends (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// What the parser found, as places in the bytes; names are looked up already.
type Fields = Vec<(HeaderName, usize, usize)>;

impl Head {
    /// Takes the head of an answer to `method` from the front of `bytes`, if it is all there.
    pub fn take(bytes: &mut BytesMut, method: &Method) -> Result<Option<Self>, Invalid> {
        let mut room = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = Response::new(&mut []);
        let config = ParserConfig::default();
        let length = match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut room) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return Ok(None),
            Err(error) => return Err(Invalid::Head(error)),
        };
        let version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        let status = StatusCode::from_u16(parsed.code.unwrap_or(0)).map_err(|_| Invalid::Status)?;
        let reason = parsed.reason.filter(|&reason| status.canonical_reason() != Some(reason));
        let reason = reason.map(|reason| Bytes::copy_from_slice(reason.as_bytes()));
        let begin = bytes.as_ptr() as usize;
        let mut fields = Fields::with_capacity(parsed.headers.len());
        for field in parsed.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| no_name())?;
            fields.push((name, field.value.as_ptr() as usize - begin, field.value.len()));
        }
        let headers = headers(fields, &bytes.split_to(length).freeze())?;
        let framing = framing(&headers, version, status, method)?;
        let keeps = framing != Framing::UntilClose && keeps(&headers, version);
        Ok(Some(Self { version, status, reason, headers, framing, keeps }))
    }
}

/// Values share the memory of the head.
fn headers(fields: Fields, head: &Bytes) -> Result<HeaderMap, Invalid> {
    let mut headers = HeaderMap::with_capacity(fields.len() + ADDED);
    for (name, at, length) in fields {
        let value = HeaderValue::from_maybe_shared(head.slice(at..at + length));
        let value = value.map_err(|_| Invalid::Head(httparse::Error::HeaderValue))?;
        if name != header::CONTENT_LENGTH {
            headers.append(name, value);
        } else if headers.get(&name).is_some_and(|other| *other != value) {
            return Err(Invalid::Length);
        } else {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

/// Fields that a proxy adds, for which there shall be room.
const ADDED: usize = 4;

fn framing(
    headers: &HeaderMap,
    version: Version,
    status: StatusCode,
    method: &Method,
) -> Result<Framing, Invalid> {
    let length = headers.get(header::CONTENT_LENGTH).map(length).transpose()?;
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked = match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(_), None) if length.is_some() => return Err(Invalid::TwoFramings),
        (Some(coding), None)
            if version == Version::HTTP_11 && coding.as_bytes().eq_ignore_ascii_case(b"chunked") =>
        {
            true
        }
        _ => return Err(Invalid::Coding),
    };
    let bodiless = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || *method == Method::HEAD;
    Ok(match length {
        _ if bodiless => Framing::Length(0),
        _ if chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => Framing::UntilClose,
    })
}

/// Digits and nothing else: `parse` would take a sign.
fn length(value: &HeaderValue) -> Result<u64, Invalid> {
    let text = value.to_str().map_err(|_| Invalid::Length)?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().ok_or(Invalid::Length)
}

/// RFC 9112, section 9.3.
fn keeps(headers: &HeaderMap, version: Version) -> bool {
    let says = |what: &str| connection_options(headers).any(|option| option.eq_ignore_ascii_case(what));
    match version {
        Version::HTTP_10 => says("keep-alive") && !says("close"),
        _ => !says("close"),
    }
}

fn no_name() -> Invalid {
    Invalid::Head(httparse::Error::HeaderName)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> Result<Option<Head>, Invalid> {
        Head::take(&mut BytesMut::from(text), &Method::GET)
    }

    fn framing_of(fields: &str) -> Result<(Framing, bool), Invalid> {
        let head = take(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n"))?.unwrap();
        Ok((head.framing, head.keeps))
    }

    #[test]
    fn an_answer_ends_at_one_place_or_is_refused() {
        assert_eq!(framing_of("Content-Length: 5"), Ok((Framing::Length(5), true)));
        assert_eq!(framing_of("content-length: 5\r\nContent-Length: 5"), Ok((Framing::Length(5), true)));
        assert_eq!(framing_of("Transfer-Encoding: Chunked"), Ok((Framing::Chunked, true)));
        assert_eq!(framing_of("X: y"), Ok((Framing::UntilClose, false)));
        assert_eq!(framing_of("Content-Length: 5\r\nConnection: x, Close"), Ok((Framing::Length(5), false)));
        for length in ["+5", "-5", "", "5, 5", "5 5", "0x5", "18446744073709551616"] {
            assert_eq!(framing_of(&format!("Content-Length: {length}")), Err(Invalid::Length), "{length:?}");
        }
        assert_eq!(framing_of("Content-Length: 5\r\nContent-Length: 6"), Err(Invalid::Length));
        assert_eq!(framing_of("Content-Length: 5\r\nTransfer-Encoding: chunked"), Err(Invalid::TwoFramings));
        for coding in ["gzip, chunked", "chunked, chunked", "identity", "xchunked", ""] {
            assert_eq!(
                framing_of(&format!("Transfer-Encoding: {coding}")),
                Err(Invalid::Coding),
                "{coding:?}"
            );
        }
        for fields in ["X : y", "X: y\r\n folded", "no colon", " X: y", "X: a\0b", "X: a\rb"] {
            assert!(matches!(framing_of(fields), Err(Invalid::Head(_))), "{fields:?}");
        }
    }

    #[test]
    fn an_old_answer_keeps_its_connection_only_if_it_says_so() {
        let keeps =
            |fields: &str| take(&format!("HTTP/1.0 200 OK\r\n{fields}\r\n\r\n")).unwrap().unwrap().keeps;
        assert!(!keeps("Content-Length: 1"));
        assert!(keeps("Content-Length: 1\r\nConnection: keep-alive"));
        assert!(!keeps("Connection: keep-alive"));
        let chunked = take("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(chunked.unwrap_err(), Invalid::Coding);
    }

    #[test]
    fn a_head_is_taken_when_it_is_whole_and_no_byte_more() {
        let text = "HTTP/1.1 299 Fine\r\nX: a\r\nX: b\r\nContent-Length: 3\r\n\r\n";
        for end in 0..text.len() {
            assert!(take(&text[..end]).unwrap().is_none(), "{end}");
        }
        let mut bytes = BytesMut::from(format!("{text}abc").as_str());
        let head = Head::take(&mut bytes, &Method::HEAD).unwrap().unwrap();
        assert_eq!((head.status.as_u16(), head.framing), (299, Framing::Length(0)));
        assert_eq!(head.reason.as_deref(), Some(&b"Fine"[..]));
        assert_eq!(head.headers.get_all("x").iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(bytes, "abc");
    }
}

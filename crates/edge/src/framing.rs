//! How a request's body is framed and whom the request is for, where the parser beneath is kinder than a proxy may be:
//! what two readers could read differently is refused, or said anew in one way.
//!
//! The parser itself refuses two lengths, lengths that are no number, folded lines, lone CRs, NULs, blanks before
//! colons and chunks that are none; of a length beside chunks it keeps the chunks, and ends the connection.

use http::{HeaderMap, HeaderValue, Version, header, request::Parts};
use roost_wire::host;

use crate::failure::{Code, Failure};

/// Refuses a head whose body could be found to end elsewhere, or that names two hosts.
pub(crate) fn check(head: &Parts) -> Result<(), Failure> {
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next()
        && (codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(Failure::new(Code::BodyBroken, "Of transfer codings only chunked, once, is read."));
    }
    // The parser of HTTP/2 lets one through that is said twice, and servers do not agree on that.
    if head.headers.get_all(header::CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(Failure::new(Code::BodyBroken, "It has two lengths."));
    }
    match head.uri.authority() {
        Some(authority) if matches!(head.version, Version::HTTP_2 | Version::HTTP_3) => {
            one_host(&head.headers, authority.as_str())
        }
        _ => Ok(()),
    }
}

/// Over HTTP/2 and HTTP/3 a `Host` may say again what `:authority` says (RFC 9113, section 8.3.1).
fn one_host(headers: &HeaderMap, authority: &str) -> Result<(), Failure> {
    let same = |host: &HeaderValue| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes());
    match headers.get_all(header::HOST).iter().all(same) {
        true => Ok(()),
        false => Err(Failure::new(Code::BadHost, ":authority and Host differ.")),
    }
}

/// Refuses what is no host with an optional port (RFC 9110, section 7.2): a user, a path, a list, blanks.
pub(crate) fn check_host(host: &str) -> Result<(), Failure> {
    match host::is_valid(host) {
        true => Ok(()),
        false => Err(Failure::new(Code::BadHost, format!("{host:?} is no host with an optional port."))),
    }
}

/// Says how long a body of unknown length is: without it a GET's would be left away.
pub(crate) fn announce_chunks(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

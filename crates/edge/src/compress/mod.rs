//! Answers are compressed on their way, for services that ask for it (`http_options.compress`) and clients that
//! can read it.
//!
//! Left alone: what is compressed already or forbids to be changed, parts of a whole, what is too short to gain, and
//! kinds of content that do not shrink. What an app sends and then waits goes out at once: a stream of events stays one.

mod body;
mod codec;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request, response};
use http_body::Body;
use tracing::warn;

use self::codec::Coding;
pub(crate) use self::{body::Compressed, codec::Encoder};
use crate::limits::COMPRESS_FROM;

/// What a request says of how its answer may be sent.
pub(crate) struct Asks {
    head_alone: bool,
    accepts: Option<HeaderValue>,
}

impl Asks {
    pub fn of(head: &request::Parts) -> Self {
        let head_alone = head.method == Method::HEAD;
        Self { head_alone, accepts: head.headers.get(header::ACCEPT_ENCODING).cloned() }
    }
}

/// What encodes the answer to a request, with a head that says so; `None`: it goes as it is.
pub(crate) fn apply(head: &mut response::Parts, body: &impl Body, asks: &Asks) -> Option<Encoder> {
    if takes_none(&mut head.headers) || !can_shrink(head) {
        return None;
    }
    // Caches keep both forms apart, whichever this client gets.
    head.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    let short = body.size_hint().upper().is_some_and(|length| length < COMPRESS_FROM);
    if short || asks.head_alone {
        return None;
    }
    let coding = Coding::liked(asks.accepts.as_ref()?.to_str().ok()?)?;
    let encoder = Encoder::new(coding).inspect_err(|error| warn!(%error, "no encoder")).ok()?;
    let headers = &mut head.headers;
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::ACCEPT_RANGES);
    weaken_tag(headers);
    Some(encoder)
}

/// `Content-Encoding: none` is how an app says that it wants none; it is no coding, and not passed on.
fn takes_none(headers: &mut HeaderMap) -> bool {
    let none = headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding == "none");
    if none {
        headers.remove(header::CONTENT_ENCODING);
    }
    none
}

fn can_shrink(head: &response::Parts) -> bool {
    let headers = &head.headers;
    let whole = !matches!(
        head.status,
        StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
    );
    let changeable = headers.get_all(header::CACHE_CONTROL).iter().all(|value| {
        let text = value.to_str().unwrap_or_default();
        !text.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("no-transform"))
    });
    whole
        && changeable
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::CONTENT_RANGE)
        && headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(is_text)
}

/// Text of some kind, or one of the few others that are not compressed by nature.
fn is_text(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(
            kind.as_str(),
            "application/json"
                | "application/javascript"
                | "application/x-javascript"
                | "application/ld+json"
                | "application/manifest+json"
                | "application/graphql"
                | "application/xml"
                | "application/wasm"
                | "application/x-ndjson"
                | "application/vnd.ms-fontobject"
                | "application/x-font-ttf"
                | "font/otf"
                | "font/ttf"
                | "image/bmp"
                | "image/x-icon"
        )
}

/// The bytes are others now, what they mean is not (RFC 9110, section 8.8.1).
fn weaken_tag(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) else {
        return;
    };
    if let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
        headers.insert(header::ETAG, weak);
    }
}

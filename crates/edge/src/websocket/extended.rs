//! WebSockets over HTTP/2 (RFC 8441): a client asks by an extended CONNECT for what HTTP/1.1 asks by an upgrade.
//! Apps are asked the second way, whichever the client's is.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use h2::ext::Protocol;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header, response};
use ring::digest;

use crate::failure::{Code, Failure};

const KEY: HeaderName = header::SEC_WEBSOCKET_KEY;
const ACCEPT: HeaderName = header::SEC_WEBSOCKET_ACCEPT;

/// RFC 6455, section 1.3.
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An extended CONNECT that became an upgrade.
pub(crate) struct Extended {
    /// What an app that agrees must answer.
    accept: String,
}

impl Extended {
    /// Makes of an extended CONNECT for a WebSocket what an app understands; leaves any other request alone.
    pub fn translate<B>(request: &mut Request<B>) -> Option<Self> {
        let protocol = request.extensions().get::<Protocol>()?;
        if request.method() != Method::CONNECT || !protocol.as_str().eq_ignore_ascii_case("websocket") {
            return None;
        }
        request.extensions_mut().remove::<Protocol>();
        *request.method_mut() = Method::GET;
        let key = BASE64_STANDARD.encode(rand::random::<[u8; 16]>());
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(KEY, HeaderValue::from_str(&key).ok()?);
        headers.entry(header::SEC_WEBSOCKET_VERSION).or_insert(HeaderValue::from_static("13"));
        Some(Self { accept: accept_of(&key) })
    }

    /// Makes of the app's consent what the client understands.
    pub fn agreed(&self, head: &mut response::Parts) -> Result<(), Failure> {
        if head.headers.get(ACCEPT).is_none_or(|accept| *accept != self.accept) {
            return Err(Failure::new(
                Code::BadAnswer,
                "Its consent to a WebSocket is not one (sec-websocket-accept).",
            ));
        }
        head.status = StatusCode::OK;
        [header::CONNECTION, header::UPGRADE, ACCEPT].iter().for_each(|name| drop(head.headers.remove(name)));
        Ok(())
    }

    /// Any other success would tell the client that there is a WebSocket now.
    pub fn declined(&self, head: &response::Parts) -> Result<(), Failure> {
        if head.status.is_success() {
            let detail = format!("It was asked for a WebSocket, and said {}.", head.status);
            return Err(Failure::new(Code::BadAnswer, detail));
        }
        Ok(())
    }
}

fn accept_of(key: &str) -> String {
    // The protocol's own choice; nothing secret depends on it.
    let digest =
        digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{ACCEPT_SUFFIX}").as_bytes());
    BASE64_STANDARD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_consent_is_the_one_of_the_rfc() {
        // RFC 6455, section 1.3.
        assert_eq!(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}

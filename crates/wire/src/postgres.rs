//! The first words of a Postgres connection: the client asks for TLS, and is told to go on with it.
//!
//! Source: PostgreSQL's documentation, "Message Flow" (SSLRequest, GSSENCRequest). A client that goes on without
//! TLS is refused in Postgres's own words: its password would cross the network readable.

/// Bytes of a request: its length and its code, and nothing else.
pub const REQUEST_BYTES: usize = 8;

const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// How far a client is.
#[derive(Debug, Default)]
pub struct Greeting {
    gss_declined: bool,
}

/// What a request is answered with, and what comes then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Another request.
    AskAgain(&'static [u8]),
    /// The handshake of TLS.
    Tls(&'static [u8]),
    /// Nothing.
    Refused(Vec<u8>),
}

impl Greeting {
    /// A client may ask for GSS first, once; it asks for TLS when that is declined.
    pub fn answer(&mut self, request: [u8; REQUEST_BYTES]) -> Reply {
        let [a, b, c, d, e, f, g, h] = request;
        let (length, code) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        match code {
            _ if length as usize != REQUEST_BYTES => Reply::Refused(refusal()),
            SSL_REQUEST => Reply::Tls(b"S"),
            GSS_REQUEST if !self.gss_declined => {
                self.gss_declined = true;
                Reply::AskAgain(b"N")
            }
            _ => Reply::Refused(refusal()),
        }
    }
}

/// An ErrorResponse: severity, SQLSTATE, message.
fn refusal() -> Vec<u8> {
    const FIELDS: &[u8] =
        b"SFATAL\0VFATAL\0C28000\0Mthis port speaks TLS only; connect with sslmode=require\0\0";
    let length = u32::try_from(FIELDS.len() + 4).unwrap_or_default();
    [b"E", &length.to_be_bytes()[..], FIELDS].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(length: u32, code: u32) -> [u8; REQUEST_BYTES] {
        let mut request = [0; REQUEST_BYTES];
        request[..4].copy_from_slice(&length.to_be_bytes());
        request[4..].copy_from_slice(&code.to_be_bytes());
        request
    }

    #[test]
    fn tls_is_begun_after_one_detour_at_most() {
        let mut greeting = Greeting::default();
        assert_eq!(greeting.answer(request(8, GSS_REQUEST)), Reply::AskAgain(b"N"));
        assert_eq!(greeting.answer(request(8, SSL_REQUEST)), Reply::Tls(b"S"));
        assert!(matches!(greeting.answer(request(8, GSS_REQUEST)), Reply::Refused(_)));
        // Version 3 of the protocol, without TLS.
        let Reply::Refused(words) = Greeting::default().answer(request(41, 196_608)) else { panic!() };
        assert_eq!(words[1..5], (words.len() as u32 - 1).to_be_bytes());
    }
}

//! The public key of a host: what is sealed to it, only that host opens (X25519 sealed box).

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use crypto_box::{PublicKey, aead::OsRng};

/// As a host tells it in its introduction.
#[derive(Clone, PartialEq, Eq)]
pub struct HostKey(PublicKey);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no sealing key: it must be base64 of 32 bytes")]
pub struct InvalidHostKey(String);

impl FromStr for HostKey {
    type Err = InvalidHostKey;

    fn from_str(text: &str) -> Result<Self, InvalidHostKey> {
        let bytes = BASE64_STANDARD.decode(text).ok();
        let key = bytes.and_then(|bytes| PublicKey::from_slice(&bytes).ok());
        key.map(Self).ok_or_else(|| InvalidHostKey(text.to_owned()))
    }
}

impl HostKey {
    /// Seals a message; base64.
    pub fn seal(&self, message: &[u8]) -> String {
        // A sealed box fails only when its key does: a fresh one, made for this box.
        let sealed = self.0.seal(&mut OsRng, message).expect("a fresh key always seals");
        BASE64_STANDARD.encode(sealed)
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({})", BASE64_STANDARD.encode(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use crypto_box::SecretKey;

    use super::*;

    #[test]
    fn only_the_host_opens_it() {
        let host = SecretKey::generate(&mut OsRng);
        let key: HostKey = BASE64_STANDARD.encode(host.public_key().as_bytes()).parse().unwrap();
        let sealed = BASE64_STANDARD.decode(key.seal(b"value")).unwrap();
        assert_eq!(host.unseal(&sealed).unwrap(), b"value");
        assert!(SecretKey::generate(&mut OsRng).unseal(&sealed).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "AAAA", "not base64!"] {
            assert!(text.parse::<HostKey>().is_err(), "{text}");
        }
    }
}

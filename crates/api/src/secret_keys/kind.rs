//! What each kind of key can do.
//!
//! | kind | key | does |
//! |---|---|---|
//! | `hs256`, `hs384`, `hs512` | 32, 48, 64 bytes or more | HMAC with SHA-2 |
//! | `nacl_auth` | 32 bytes | HMAC-SHA-512 cut to 256 bits, as NaCl's `crypto_auth` |
//! | `es256` | PKCS#8 | ECDSA on P-256, signatures of 64 bytes as JOSE has them |
//! | `nacl_sign` | seed of 32 bytes (or NaCl's 64) | Ed25519 |
//! | `nacl_secretbox` | 32 bytes | XSalsa20-Poly1305; ciphertext begins with its nonce |
//! | `xaes256gcm` | 32 bytes | XAES-256-GCM; ciphertext begins with its nonce |

use std::{fmt, str::FromStr};

use crypto_secretbox::{KeyInit as _, XSalsa20Poly1305, aead::Aead as _};
use rand::RngCore;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair, UnparsedPublicKey,
    },
};
use zeroize::Zeroizing;

use super::xaes;

/// Nonces of both ciphers.
const NONCE_BYTES: usize = 24;

const KEY_BYTES: usize = 32;

/// A longer HMAC key is hashed first and gains nothing.
const MAX_HMAC_KEY: usize = 1024;

/// The key is of another kind, or of another length, or the text was not made with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no kind of key \"{0}\"; kinds are {kinds}", kinds = names())]
    UnknownKind(String),
    #[error("nacl_box is not supported: encrypt with nacl_secretbox or xaes256gcm")]
    NoBox,
    #[error("a key of kind {kind} is {expected}, and this one has {bytes} bytes")]
    Length { kind: Kind, expected: &'static str, bytes: usize },
    #[error("the value is no {0} key in PKCS#8")]
    Malformed(Kind),
    #[error("a key of kind {kind} does not {what}")]
    CanNot { kind: Kind, what: &'static str },
    #[error("nacl_secretbox takes no associated_data; xaes256gcm does")]
    NoAssociatedData,
    #[error("it was not made with this key and associated_data, or was changed since")]
    NotAuthentic,
    #[error("the system gave no random bytes")]
    NoRandomness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Hs256,
    Hs384,
    Hs512,
    NaclAuth,
    Es256,
    NaclSign,
    NaclSecretbox,
    Xaes256Gcm,
}

const KINDS: [(&str, Kind); 8] = [
    ("hs256", Kind::Hs256),
    ("hs384", Kind::Hs384),
    ("hs512", Kind::Hs512),
    ("nacl_auth", Kind::NaclAuth),
    ("es256", Kind::Es256),
    ("nacl_sign", Kind::NaclSign),
    ("nacl_secretbox", Kind::NaclSecretbox),
    ("xaes256gcm", Kind::Xaes256Gcm),
];

fn names() -> String {
    KINDS.map(|(name, _)| name).join(", ")
}

impl FromStr for Kind {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let kind = KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        kind.ok_or_else(|| match text {
            "nacl_box" => KeyError::NoBox,
            _ => KeyError::UnknownKind(text.to_owned()),
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(_, kind)| kind == self).map(|(name, _)| *name);
        f.write_str(name.unwrap_or_default())
    }
}

/// A key in use; never printed.
pub struct Key {
    pub kind: Kind,
    bytes: Zeroizing<Vec<u8>>,
}

impl Key {
    pub fn generate(kind: Kind) -> Result<Self, KeyError> {
        let length = match kind {
            Kind::Es256 => {
                let pkcs8 =
                    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
                let pkcs8 = pkcs8.map_err(|_| KeyError::NoRandomness)?;
                return Ok(Self { kind, bytes: Zeroizing::new(pkcs8.as_ref().to_vec()) });
            }
            Kind::Hs384 => 48,
            Kind::Hs512 => 64,
            _ => KEY_BYTES,
        };
        let mut bytes = Zeroizing::new(vec![0; length]);
        rand::rng().fill_bytes(&mut bytes);
        Ok(Self { kind, bytes })
    }

    /// Takes a key that somebody has.
    pub fn new(kind: Kind, mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        let length = |expected| KeyError::Length { kind, expected, bytes: bytes.len() };
        match (kind, bytes.len()) {
            (Kind::Hs256, 32..=MAX_HMAC_KEY)
            | (Kind::Hs384, 48..=MAX_HMAC_KEY)
            | (Kind::Hs512, 64..=MAX_HMAC_KEY) => {}
            (Kind::Hs256, _) => return Err(length("32 to 1024 bytes")),
            (Kind::Hs384, _) => return Err(length("48 to 1024 bytes")),
            (Kind::Hs512, _) => return Err(length("64 to 1024 bytes")),
            // NaCl keeps the public half behind the seed.
            (Kind::NaclSign, 64) => bytes.truncate(KEY_BYTES),
            (Kind::Es256, _) => {
                ecdsa(&bytes)?;
            }
            (_, KEY_BYTES) => {}
            (Kind::NaclSign, _) => return Err(length("a seed of 32 bytes, or NaCl's secret key of 64")),
            _ => return Err(length("32 bytes")),
        }
        Ok(Self { kind, bytes })
    }

    /// As it is to be kept.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The half that others may have: a point of 65 bytes, or 32 bytes.
    pub fn public(&self) -> Result<Option<Vec<u8>>, KeyError> {
        Ok(match self.kind {
            Kind::Es256 => Some(ecdsa(&self.bytes)?.public_key().as_ref().to_vec()),
            Kind::NaclSign => Some(self.ed25519()?.public_key().as_ref().to_vec()),
            _ => None,
        })
    }

    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mac = |algorithm| hmac::sign(&hmac::Key::new(algorithm, &self.bytes), message).as_ref().to_vec();
        Ok(match self.kind {
            Kind::Hs256 => mac(hmac::HMAC_SHA256),
            Kind::Hs384 => mac(hmac::HMAC_SHA384),
            Kind::Hs512 => mac(hmac::HMAC_SHA512),
            Kind::NaclAuth => mac(hmac::HMAC_SHA512)[..KEY_BYTES].to_vec(),
            Kind::Es256 => {
                let signed = ecdsa(&self.bytes)?.sign(&SystemRandom::new(), message);
                signed.map_err(|_| KeyError::NoRandomness)?.as_ref().to_vec()
            }
            Kind::NaclSign => self.ed25519()?.sign(message).as_ref().to_vec(),
            Kind::NaclSecretbox | Kind::Xaes256Gcm => return Err(self.can_not("sign")),
        })
    }

    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let authentic = match self.kind {
            Kind::Es256 | Kind::NaclSign => {
                let algorithm: &dyn signature::VerificationAlgorithm = match self.kind {
                    Kind::Es256 => &ECDSA_P256_SHA256_FIXED,
                    _ => &signature::ED25519,
                };
                let public = self.public()?.unwrap_or_default();
                UnparsedPublicKey::new(algorithm, public).verify(message, signature).is_ok()
            }
            Kind::NaclSecretbox | Kind::Xaes256Gcm => return Err(self.can_not("verify")),
            _ => constant_time_eq(&self.sign(message)?, signature),
        };
        if authentic { Ok(()) } else { Err(KeyError::NotAuthentic) }
    }

    pub fn encrypt(&self, message: &[u8], associated: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut sealed = vec![0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut sealed);
        let nonce: [u8; NONCE_BYTES] = sealed[..].try_into().expect("a nonce's length");
        let closed = match self.kind {
            Kind::NaclSecretbox => {
                let cipher = self.secretbox(associated)?;
                // Only a message beyond the cipher's limit can fail.
                cipher.encrypt(&nonce.into(), message).map_err(|_| KeyError::NotAuthentic)?
            }
            Kind::Xaes256Gcm => xaes::seal(&self.key(), &nonce, message, associated),
            _ => return Err(self.can_not("encrypt")),
        };
        sealed.extend(closed);
        Ok(sealed)
    }

    pub fn decrypt(&self, sealed: &[u8], associated: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let (nonce, closed) = sealed.split_at_checked(NONCE_BYTES).ok_or(KeyError::NotAuthentic)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().expect("a nonce's length");
        let message = match self.kind {
            Kind::NaclSecretbox => self.secretbox(associated)?.decrypt(&nonce.into(), closed).ok(),
            Kind::Xaes256Gcm => xaes::open(&self.key(), &nonce, closed, associated),
            _ => return Err(self.can_not("decrypt")),
        };
        message.map(Zeroizing::new).ok_or(KeyError::NotAuthentic)
    }

    fn secretbox(&self, associated: &[u8]) -> Result<XSalsa20Poly1305, KeyError> {
        if !associated.is_empty() {
            return Err(KeyError::NoAssociatedData);
        }
        Ok(XSalsa20Poly1305::new(&(*self.key()).into()))
    }

    fn ed25519(&self) -> Result<Ed25519KeyPair, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(&self.bytes).map_err(|_| KeyError::Malformed(self.kind))
    }

    fn key(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        key.copy_from_slice(&self.bytes);
        key
    }

    fn can_not(&self, what: &'static str) -> KeyError {
        KeyError::CanNot { kind: self.kind, what }
    }
}

fn ecdsa(pkcs8: &[u8]) -> Result<EcdsaKeyPair, KeyError> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &SystemRandom::new())
        .map_err(|_| KeyError::Malformed(Kind::Es256))
}

/// Takes the same time wherever the two differ.
fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_does_what_it_says_and_nothing_else() {
        for (name, kind) in KINDS {
            let key = Key::generate(name.parse().unwrap()).unwrap();
            let again = Key::new(kind, Zeroizing::new(key.bytes().to_vec())).unwrap();
            match kind {
                Kind::NaclSecretbox | Kind::Xaes256Gcm => {
                    let sealed = key.encrypt(b"message", b"").unwrap();
                    assert_eq!(**again.decrypt(&sealed, b"").unwrap(), *b"message", "{name}");
                    for length in 0..sealed.len() {
                        assert_eq!(key.decrypt(&sealed[..length], b"").unwrap_err(), KeyError::NotAuthentic);
                    }
                    assert!(key.sign(b"").is_err() && key.verify(b"", b"").is_err());
                }
                _ => {
                    let signature = key.sign(b"message").unwrap();
                    assert_eq!(again.verify(b"message", &signature), Ok(()), "{name}");
                    assert_eq!(key.verify(b"massage", &signature), Err(KeyError::NotAuthentic), "{name}");
                    assert_eq!(key.verify(b"message", b""), Err(KeyError::NotAuthentic), "{name}");
                    assert!(key.encrypt(b"", b"").is_err() && key.decrypt(b"", b"").is_err());
                }
            }
        }
    }

    #[test]
    fn known_answers() {
        // RFC 4231, test case 2, with the key made long enough by the zeros that HMAC pads with.
        let mut padded = b"Jefe".to_vec();
        padded.resize(64, 0);
        let message = b"what do ya want for nothing?";
        let hs256 = Key::new(Kind::Hs256, Zeroizing::new(padded)).unwrap().sign(message).unwrap();
        assert_eq!(hex::encode(hs256), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        // RFC 8032, test 1.
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let key = Key::new(Kind::NaclSign, Zeroizing::new(seed)).unwrap();
        let public = hex::encode(key.public().unwrap().unwrap());
        assert_eq!(public, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        let refused = |kind: &str, bytes: usize| {
            let kind = kind.parse::<Kind>()?;
            Key::new(kind, Zeroizing::new(vec![7; bytes])).map(drop)
        };
        assert_eq!(refused("nacl_box", 32), Err(KeyError::NoBox));
        assert!(matches!(refused("rot13", 32), Err(KeyError::UnknownKind(_))));
        assert!(matches!(refused("hs512", 63), Err(KeyError::Length { bytes: 63, .. })));
        assert!(matches!(refused("nacl_secretbox", 0), Err(KeyError::Length { .. })));
        assert_eq!(refused("es256", 40), Err(KeyError::Malformed(Kind::Es256)));
    }
}

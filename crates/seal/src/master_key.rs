//! The platform's own key: secrets at rest.
//!
//! XChaCha20-Poly1305 with a random nonce of 24 bytes in front. The context (which app, which name)
//! is authenticated, so ciphertext that is copied to another place does not open there.

use std::{fmt, fs::DirBuilder, os::unix::fs::DirBuilderExt as _, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use rand::RngCore;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::key_file::{self, KeyBytes, KeyFileError};

const NONCE_BYTES: usize = 24;

/// Bytes of a digest: enough to tell values apart, of no use for guessing them without the key.
const DIGEST_BYTES: usize = 8;

/// The text was sealed under another key or in another context, or somebody changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open with this server's key; was the key file replaced?")]
pub struct NotOpened;

pub struct MasterKey {
    cipher: XChaCha20Poly1305,
    /// For digests; derived, so that one key never serves two purposes.
    digest_key: KeyBytes,
}

impl MasterKey {
    /// The key in a folder of keys; folder and key are made at first start, for their owner's eyes only.
    ///
    /// # Errors
    /// As [`Self::open_or_create`]; or the folder cannot be made.
    pub fn open_in(folder: &Path) -> Result<Self, KeyFileError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| KeyFileError::Io { path: folder.to_owned(), source })?;
        Self::open_or_create(&folder.join("master"))
    }

    /// Reads the key file, and makes it at first start.
    ///
    /// # Errors
    /// The file cannot be read or written, is malformed, or is readable by others.
    pub fn open_or_create(path: &Path) -> Result<Self, KeyFileError> {
        let key = key_file::open_or_create(path)?;
        let mut digest_key = Zeroizing::new([0; key_file::KEY_BYTES]);
        digest_key.copy_from_slice(&mac(&key, &[b"roost secret digest"]));
        Ok(Self { cipher: XChaCha20Poly1305::new((&*key).into()), digest_key })
    }

    /// Seals a value for a context; base64. Two seals of a value differ.
    pub fn seal(&self, context: &str, value: &[u8]) -> String {
        let mut sealed = vec![0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut sealed);
        let payload = Payload { msg: value, aad: context.as_bytes() };
        let closed = self.cipher.encrypt(XNonce::from_slice(&sealed), payload);
        // Only a value of over 256 GiB can fail.
        sealed.extend(closed.expect("the value is within the cipher's limit"));
        BASE64_STANDARD.encode(sealed)
    }

    /// # Errors
    /// [`NotOpened`] unless it was sealed with this key for this context.
    pub fn open(&self, context: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let sealed = BASE64_STANDARD.decode(sealed).map_err(|_| NotOpened)?;
        let (nonce, closed) = sealed.split_at_checked(NONCE_BYTES).ok_or(NotOpened)?;
        let payload = Payload { msg: closed, aad: context.as_bytes() };
        let value = self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| NotOpened)?;
        Ok(Zeroizing::new(value))
    }

    /// 16 hex digits, the same for the same value in the same context.
    pub fn digest(&self, context: &str, value: &[u8]) -> String {
        let length = (context.len() as u64).to_be_bytes();
        let mac = mac(&self.digest_key, &[&length, context.as_bytes(), value]);
        hex::encode(&mac[..DIGEST_BYTES])
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

fn mac(key: &KeyBytes, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&key[..]).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn key() -> (tempfile::TempDir, MasterKey) {
        let folder = tempfile::tempdir().unwrap();
        let key = MasterKey::open_or_create(&folder.path().join("master")).unwrap();
        (folder, key)
    }

    #[test]
    fn a_value_opens_only_where_it_belongs() {
        let (_folder, key) = key();
        let sealed = key.seal("app/NAME", b"value");
        assert_eq!(*key.open("app/NAME", &sealed).unwrap(), b"value");
        assert_eq!(key.open("other/NAME", &sealed), Err(NotOpened));
        let (_other_folder, other) = self::key();
        assert_eq!(other.open("app/NAME", &sealed), Err(NotOpened));
        assert_ne!(sealed, key.seal("app/NAME", b"value"));
    }

    #[test]
    fn changed_or_cut_text_does_not_open() {
        let (_folder, key) = key();
        let sealed = key.seal("c", b"value");
        for length in 0..sealed.len() {
            assert_eq!(key.open("c", &sealed[..length]), Err(NotOpened), "{length}");
        }
        let changed = sealed.replacen(&sealed[50..51], if &sealed[50..51] == "A" { "B" } else { "A" }, 1);
        assert_eq!(key.open("c", &changed), Err(NotOpened));
    }

    #[test]
    fn a_digest_tells_values_apart_and_contexts_too() {
        let (_folder, key) = key();
        assert_eq!(key.digest("a", b"1"), key.digest("a", b"1"));
        assert_ne!(key.digest("a", b"1"), key.digest("a", b"2"));
        assert_ne!(key.digest("ab", b"c"), key.digest("a", b"bc"));
    }

    #[test]
    fn the_file_is_private_and_the_key_stays() {
        let (folder, key) = key();
        let path = folder.path().join("master");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = MasterKey::open_or_create(&path).unwrap();
        assert_eq!(*again.open("c", &key.seal("c", b"v")).unwrap(), b"v");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no unfinished file is left");
    }

    #[test]
    fn a_file_that_others_read_or_that_is_cut_is_refused() {
        let (folder, _key) = key();
        let path = folder.path().join("master");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(MasterKey::open_or_create(&path), Err(KeyFileError::TooOpen(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "abc").unwrap();
        assert!(matches!(MasterKey::open_or_create(&path), Err(KeyFileError::Malformed(_))));
    }
}

//! The host's half of sealed secrets: the key that apps' secrets are sealed to, and their opening.

use std::{io, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use crypto_box::{SecretKey, aead::OsRng};

use crate::run_config::Secrets;

/// The text is not what the api sealed for this host.
#[derive(Debug, thiserror::Error)]
#[error(
    "the app's secrets can not be opened with this host's key; deploy the app again so that they are sealed anew"
)]
pub struct NotOpened;

pub struct SealingKey(SecretKey);

impl SealingKey {
    /// Reads the key, or makes one that root alone can read.
    pub fn open(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => {
                let key = SecretKey::from_slice(&bytes).map_err(|_| {
                    let text = format!("{} is not a key of 32 bytes", path.display());
                    io::Error::new(io::ErrorKind::InvalidData, text)
                })?;
                Ok(Self(key))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(error),
        }
    }

    fn create(path: &Path) -> io::Result<Self> {
        use std::{io::Write, os::unix::fs::OpenOptionsExt};
        let key = SecretKey::generate(&mut OsRng);
        let unfinished = path.with_extension("new");
        let mut file =
            std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&key.to_bytes())?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        Ok(Self(key))
    }

    /// What secrets for this host are sealed to, in base64.
    pub fn public(&self) -> String {
        BASE64_STANDARD.encode(self.0.public_key().as_bytes())
    }

    /// `sealed`: base64 of a sealed box around a JSON object of strings.
    pub fn unseal(&self, sealed: &str) -> Result<Secrets, NotOpened> {
        let sealed = BASE64_STANDARD.decode(sealed).map_err(|_| NotOpened)?;
        let json = self.0.unseal(&sealed).map_err(|_| NotOpened)?;
        serde_json::from_slice(&json).map_err(|_| NotOpened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_to_a_host_opens_there_alone_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let key = SealingKey::open(&path).unwrap();
        let public: roost_seal::HostKey = key.public().parse().unwrap();
        let sealed = public.seal(br#"{"KEY":"value"}"#);
        let reopened = SealingKey::open(&path).unwrap();
        assert_eq!(reopened.unseal(&sealed).unwrap()["KEY"], "value");
        let other = SealingKey::open(&dir.path().join("other")).unwrap();
        assert!(other.unseal(&sealed).is_err());
    }
}

//! Secrets as files that only this user can read, for as long as the build runs. On a command line
//! everybody on the machine could see them.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt};

use tempfile::TempDir;

use crate::{BuildError, BuildSecret};

pub(super) struct SecretFiles {
    folder: Option<TempDir>,
    ids: Vec<String>,
}

impl SecretFiles {
    pub fn write(secrets: &[BuildSecret]) -> Result<Self, BuildError> {
        let ids = secrets.iter().map(|secret| secret.id.clone()).collect();
        if secrets.is_empty() {
            return Ok(Self { folder: None, ids });
        }
        let folder = tempfile::tempdir().map_err(BuildError::io("make a folder for build secrets"))?;
        for secret in secrets {
            let path = folder.path().join(&secret.id);
            let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
            file.and_then(|mut file| file.write_all(&secret.value))
                .map_err(BuildError::io("write a build secret"))?;
        }
        Ok(Self { folder: Some(folder), ids })
    }

    /// `--secret` values, the same for every builder.
    pub fn options(&self) -> impl Iterator<Item = String> {
        let folder = self.folder.as_ref().map(|folder| folder.path().to_owned()).unwrap_or_default();
        self.ids.iter().map(move |id| format!("id={id},src={}", folder.join(id).display()))
    }
}

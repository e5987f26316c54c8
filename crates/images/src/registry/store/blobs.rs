//! Blobs of a repository.

use std::{fs::File, io, path::PathBuf, sync::PoisonError, time::SystemTime};

use super::{BlobStore, exists};
use crate::{Digest, durable};

impl BlobStore {
    /// The blob, if the repository has it. Being asked for makes a blob young again: somebody may be
    /// about to push a manifest that needs it.
    pub fn open_blob(&self, repository: &str, digest: &Digest) -> io::Result<Option<File>> {
        let _no_sweep = self.sweeping.read().unwrap_or_else(PoisonError::into_inner);
        if !exists(&self.link(repository, digest))? {
            return Ok(None);
        }
        let file = match File::open(self.blob(digest)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        file.set_modified(SystemTime::now())?;
        File::open(self.link(repository, digest))?.set_modified(SystemTime::now())?;
        Ok(Some(file))
    }

    /// Gives a repository what another one has; whether that one had it.
    pub fn mount_blob(&self, from: &str, to: &str, digest: &Digest) -> io::Result<bool> {
        if self.open_blob(from, digest)?.is_none() {
            return Ok(false);
        }
        self.link_blob(to, digest)
    }

    /// Takes a blob from a repository; whether it had it. The bytes go with the next collection.
    pub fn unlink_blob(&self, repository: &str, digest: &Digest) -> io::Result<bool> {
        let link = self.link(repository, digest);
        let was_there = exists(&link)?;
        durable::remove(&link)?;
        Ok(was_there)
    }

    /// Gives a repository a blob that is there; whether it is.
    pub(super) fn link_blob(&self, repository: &str, digest: &Digest) -> io::Result<bool> {
        let _no_sweep = self.sweeping.read().unwrap_or_else(PoisonError::into_inner);
        let there = exists(&self.blob(digest))?;
        if there {
            self.put(&self.link(repository, digest), b"")?;
        }
        Ok(there)
    }

    pub(super) fn link(&self, repository: &str, digest: &Digest) -> PathBuf {
        self.repository(repository).join("_blobs").join(digest.hex())
    }
}

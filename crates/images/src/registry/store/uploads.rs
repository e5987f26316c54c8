//! Uploads in progress: files that grow.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rand::RngCore;
use sha2::{Digest as _, Sha256};

use super::{BlobStore, names};
use crate::{Digest, durable, registry::error::RegistryError};

/// Uploads of one repository at a time; a push has as many as it has connections, usually 3 to 5.
const MAX_UPLOADS: usize = 100;

/// An upload that this request alone works on.
#[derive(Debug)]
pub struct Upload {
    /// Positioned at the end.
    pub file: tokio::fs::File,
    /// Bytes that arrived.
    pub size: u64,
    path: PathBuf,
    _claim: Claim,
}

/// Frees the upload for other requests when dropped.
#[derive(Debug)]
struct Claim {
    id: String,
    busy: Arc<Mutex<HashSet<String>>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl BlobStore {
    /// A new, empty upload.
    pub fn begin_upload(&self, repository: &str) -> io::Result<String> {
        let dir = self.repository(repository).join("_uploads");
        fs::create_dir_all(&dir)?;
        if names(&dir)?.len() >= MAX_UPLOADS {
            return Err(io::Error::other(format!("{MAX_UPLOADS} uploads of this repository are unfinished")));
        }
        let mut id = [0; 16];
        rand::rng().fill_bytes(&mut id);
        let id = hex::encode(id);
        File::create_new(dir.join(&id))?;
        Ok(id)
    }

    pub fn open_upload(&self, repository: &str, id: &str) -> Result<Upload, RegistryError> {
        let path = self.repository(repository).join("_uploads").join(id);
        if !self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned()) {
            return Err(RegistryError::upload_busy());
        }
        let claim = Claim { id: id.to_owned(), busy: self.busy.clone() };
        let file = match OpenOptions::new().append(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(RegistryError::upload_unknown());
            }
            file => file?,
        };
        let size = file.metadata()?.len();
        Ok(Upload { file: tokio::fs::File::from_std(file), size, path, _claim: claim })
    }

    /// Bytes of an upload that arrived. Asking takes nothing from a request that writes to it.
    pub fn upload_size(&self, repository: &str, id: &str) -> Result<u64, RegistryError> {
        match fs::metadata(self.repository(repository).join("_uploads").join(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(RegistryError::upload_unknown()),
            metadata => Ok(metadata?.len()),
        }
    }

    /// Makes the upload a blob of the repository if its digest is the expected one; the digest that
    /// it has. Otherwise it is dropped.
    pub fn finish_upload(&self, repository: &str, upload: Upload, expected: &Digest) -> io::Result<Digest> {
        let found = digest_of(&upload.path)?;
        if found != *expected {
            durable::remove(&upload.path)?;
            return Ok(found);
        }
        File::open(&upload.path)?.sync_all()?;
        durable::rename(&upload.path, &self.blob(expected))?;
        self.link_blob(repository, expected)?;
        Ok(found)
    }

    pub fn cancel_upload(&self, upload: Upload) -> io::Result<()> {
        durable::remove(&upload.path)
    }
}

/// Hashes a file from its begin: chunks may have come through many requests and restarts.
fn digest_of(path: &std::path::Path) -> io::Result<Digest> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::finish(hasher)),
            length => hasher.update(&buffer[..length]),
        }
    }
}

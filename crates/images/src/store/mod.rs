//! The images of one host: pulled once, made into a disk once, shared by every machine.
//!
//! ```text
//!  images/<hex>/disk.erofs   the disk            images/<hex>/image.json   all about it
//!  blobs/<hex>               compressed layers and configurations, for the next image that has them
//!  partial/<hex>             blobs on their way, continued after any interruption
//!  tmp/                      disks on their way
//! ```
//!
//! `<hex>` is a digest's. What has its final name is whole and synced: a crash at any time leaves
//! leftovers in `partial` (used again) and `tmp` (removed at the next start), nothing else.

mod collect;
mod pull;
mod record;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use roost_model::ImageRef;
use tokio::sync::{RwLock, watch};

pub use collect::Collected;

use crate::{Digest, ImageConfig, ImageError, PullConfig, client::RegistryClient};

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

/// Cheap to clone.
#[derive(Clone)]
pub struct ImageStore {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    client: RegistryClient,
    /// Images that are here, by digest.
    images: Mutex<HashMap<Digest, Arc<Image>>>,
    /// Pulls that are under way.
    pulls: Mutex<HashMap<Digest, watch::Receiver<PullState>>>,
    /// Blobs that are being fetched: an image waits for a layer that another one is fetching.
    fetching: Mutex<HashMap<Digest, Weak<tokio::sync::Mutex<()>>>>,
    /// Held to read by pulls, which rely on blobs, to write while blobs are collected.
    blobs: RwLock<()>,
}

/// What everybody who waits for a pull sees.
#[derive(Clone, Default)]
struct PullState {
    progress: Option<Progress>,
    outcome: Option<Result<Arc<Image>, ImageError>>,
}

impl ImageStore {
    /// Opens the folder, which one process at a time may use; leftovers of a crash are removed.
    pub fn open(dir: &Path, config: PullConfig) -> Result<Self, ImageError> {
        let io = || ImageError::io(format!("open the image store {}", dir.display()));
        let _ = fs::remove_dir_all(dir.join("tmp"));
        for name in ["images", "blobs", "partial", "tmp"] {
            fs::create_dir_all(dir.join(name)).map_err(io())?;
        }
        let images = record::load_all(&dir.join("images")).map_err(io())?;
        Ok(Self {
            inner: Arc::new(Inner {
                dir: dir.to_owned(),
                client: RegistryClient::new(config)?,
                images: Mutex::new(images),
                pulls: Mutex::default(),
                fetching: Mutex::default(),
                blobs: RwLock::new(()),
            }),
        })
    }

    /// Asks the registry what the reference means, and whether it can run here.
    pub async fn resolve(&self, image: &ImageRef) -> Result<Resolved, ImageError> {
        pull::resolve(&self.inner, image).await
    }

    /// The image as a disk: at once when it is there, else after a pull. Callers that ask for the
    /// same image share one pull, which goes on if they stop waiting.
    pub async fn ensure(
        &self,
        image: &ImageRef,
        progress: impl Fn(Progress) + Send,
    ) -> Result<Arc<Image>, ImageError> {
        let digest = image.digest.as_deref().ok_or_else(|| ImageError::NotPinned(image.to_string()))?;
        let digest: Digest = digest.parse()?;
        if let Some(image) = self.inner.image(&digest) {
            return Ok(image);
        }
        let mut state = self.join_pull(digest, image);
        loop {
            let PullState { progress: now, outcome } = state.borrow_and_update().clone();
            if let Some(now) = now {
                progress(now);
            }
            if let Some(outcome) = outcome {
                return outcome;
            }
            if state.changed().await.is_err() {
                return Err(ImageError::Invalid("the pull was abandoned; try again".to_owned()));
            }
        }
    }

    /// The pull of this image that is under way, or a new one.
    fn join_pull(&self, digest: Digest, image: &ImageRef) -> watch::Receiver<PullState> {
        let mut pulls = self.inner.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = pulls.get(&digest) {
            return state.clone();
        }
        let (sender, state) = watch::channel(PullState::default());
        pulls.insert(digest, state.clone());
        let (inner, image) = (self.inner.clone(), image.clone());
        tokio::spawn(async move {
            let _here = Underway { inner: &inner, digest };
            let outcome = pull::pull(&inner, digest, &image, &sender).await;
            sender.send_modify(|state| state.outcome = Some(outcome));
        });
        state
    }

    /// The image if it is here; asks nobody.
    pub fn get(&self, digest: &str) -> Option<Arc<Image>> {
        self.inner.image(&digest.parse().ok()?)
    }

    /// Removes every image whose manifest digest is not in `keep`, and the blobs that no image left
    /// needs. Blobs wait for the next time when a pull is under way.
    pub async fn collect(&self, keep: &HashSet<String>) -> Result<Collected, ImageError> {
        collect::collect(&self.inner, keep).await
    }
}

impl Inner {
    fn image(&self, digest: &Digest) -> Option<Arc<Image>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn add(&self, digest: Digest, image: Arc<Image>) {
        self.images.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, image);
    }

    /// The right to write a blob's file.
    async fn fetching(&self, digest: &Digest) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
            fetching.retain(|_, lock| lock.strong_count() > 0);
            let known = fetching.get(digest).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::default();
                fetching.insert(*digest, Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs").join(digest.hex())
    }
}

/// Takes a pull off the list, also when it panics.
struct Underway<'a> {
    inner: &'a Inner,
    digest: Digest,
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.inner.pulls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.digest);
    }
}

//! Where the registry keeps things: one folder, content-addressed.
//!
//! ```text
//!  blobs/<hex>                                  every blob and manifest, once
//!  repositories/<name>/_blobs/<hex>             the repository has this blob (empty file)
//!  repositories/<name>/_manifests/<hex>         and this manifest (holds its media type)
//!  repositories/<name>/_tags/<tag>              holds a digest
//!  repositories/<name>/_referrers/<hex>/<hex>   subject / manifest that names it (empty file)
//!  repositories/<name>/_uploads/<id>            bytes that arrived so far
//!  tmp/
//! ```
//!
//! No component of a repository's name begins with `_`, so nothing collides. Every file appears by
//! a rename, whole and synced: a crash leaves nothing half. All methods block; `run` moves them off
//! the runtime's threads.

mod blobs;
mod collect;
mod manifests;
mod uploads;

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

pub use collect::{Swept, Usage};
pub use manifests::{Put, StoredManifest};
pub use uploads::Upload;

use crate::Digest;

/// The registry's folder.
pub struct BlobStore {
    dir: PathBuf,
    /// Uploads that a request works on.
    busy: Arc<Mutex<HashSet<String>>>,
    /// Held to read by whoever relies on a blob being there, to write by the collection.
    sweeping: RwLock<()>,
}

impl BlobStore {
    /// Opens the folder, made if missing; one process at a time may use it.
    pub fn open(dir: &Path) -> io::Result<Self> {
        for name in ["blobs", "repositories", "tmp"] {
            fs::create_dir_all(dir.join(name))?;
        }
        for leftover in fs::read_dir(dir.join("tmp"))? {
            crate::durable::remove(&leftover?.path())?;
        }
        Ok(Self { dir: dir.to_owned(), busy: Arc::default(), sweeping: RwLock::new(()) })
    }

    /// Removes every manifest that is not in `keep` (digests), not needed by one that stays and older
    /// than `grace`, with its tags; then the blobs and uploads that nothing needs. `grace` protects
    /// pushes in flight: it must be longer than the longest pause within one.
    pub async fn collect(self: &Arc<Self>, keep: &HashSet<String>, grace: Duration) -> io::Result<Swept> {
        let keep = keep.clone();
        self.run(move |store| store.sweep(&keep, grace)).await
    }

    pub async fn usage(self: &Arc<Self>) -> io::Result<Usage> {
        self.run(Self::measure).await
    }

    /// Does something that blocks.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(io::Error::other)?
    }

    fn tmp(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs").join(digest.hex())
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.dir.join("repositories").join(name)
    }

    /// Writes a file of a repository, whole or not at all.
    fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        crate::durable::write(path, bytes, &self.tmp())
    }
}

/// Names in a folder; none if it is not there.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// The digests that a folder's files are named by.
fn digests(dir: &Path) -> io::Result<Vec<Digest>> {
    Ok(names(dir)?.iter().filter_map(|name| format!("sha256:{name}").parse().ok()).collect())
}

fn exists(path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// Text of a file; `None` if it is not there.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

//! Collection: mark what is needed, sweep the rest, while nobody can begin to rely on it.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::Path,
    sync::PoisonError,
    time::Duration,
};

use super::{BlobStore, digests, names, read};
use crate::{Digest, durable, manifest::Document};

/// What a collection removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    pub manifests: u64,
    pub blobs: u64,
    /// Bytes of the blobs.
    pub bytes: u64,
}

/// What the registry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub repositories: u64,
    pub manifests: u64,
    /// Manifests included.
    pub blobs: u64,
    pub bytes: u64,
}

impl BlobStore {
    pub(super) fn sweep(&self, keep: &HashSet<String>, grace: Duration) -> io::Result<Swept> {
        let _alone = self.sweeping.write().unwrap_or_else(PoisonError::into_inner);
        let (mut swept, mut needed) = (Swept::default(), HashSet::new());
        for repository in self.repositories()? {
            let manifests = self.manifests_of(&repository)?;
            let kept = self.kept(&repository, &manifests, keep, grace)?;
            for digest in manifests.keys().filter(|digest| !kept.contains(digest)) {
                self.unlink_manifest(&repository, digest)?;
                swept.manifests += 1;
            }
            let blobs = kept.iter().filter_map(|digest| manifests.get(digest)).flat_map(blobs_of);
            let blobs: HashSet<Digest> = blobs.collect();
            self.sweep_links(&repository, &blobs, grace, &mut needed)?;
            self.sweep_uploads(&repository, grace)?;
            needed.extend(blobs);
            needed.extend(kept);
        }
        self.sweep_blobs(&needed, grace, &mut swept)?;
        Ok(swept)
    }

    /// Manifests that stay: named in `keep`, young, part of an index that stays, or about a manifest
    /// that stays.
    fn kept(
        &self,
        repository: &str,
        manifests: &HashMap<Digest, Document>,
        keep: &HashSet<String>,
        grace: Duration,
    ) -> io::Result<HashSet<Digest>> {
        let mut kept = HashSet::new();
        for digest in manifests.keys() {
            let young = Self::age(&self.manifest_link(repository, digest))? < grace;
            if young || keep.contains(&digest.to_string()) {
                kept.insert(*digest);
            }
        }
        loop {
            let before = kept.len();
            for (digest, document) in manifests {
                if document.subject().is_some_and(|subject| kept.contains(&subject.digest)) {
                    kept.insert(*digest);
                }
                if let (true, Document::Index(index)) = (kept.contains(digest), document) {
                    kept.extend(index.manifests.iter().map(|entry| entry.digest));
                }
            }
            if kept.len() == before {
                return Ok(kept);
            }
        }
    }

    fn manifests_of(&self, repository: &str) -> io::Result<HashMap<Digest, Document>> {
        let mut manifests = HashMap::new();
        for digest in digests(&self.repository(repository).join("_manifests"))? {
            let bytes = read(&self.blob(&digest))?.unwrap_or_default();
            match Document::parse(&bytes) {
                Ok(document) => drop(manifests.insert(digest, document)),
                Err(error) => tracing::warn!(repository, %digest, %error, "a stored manifest is unreadable"),
            }
        }
        Ok(manifests)
    }

    /// Removes a repository's claims on blobs that none of its manifests needs; young ones are needed.
    fn sweep_links(
        &self,
        repository: &str,
        blobs: &HashSet<Digest>,
        grace: Duration,
        needed: &mut HashSet<Digest>,
    ) -> io::Result<()> {
        for digest in digests(&self.repository(repository).join("_blobs"))? {
            let link = self.link(repository, &digest);
            if blobs.contains(&digest) {
                continue;
            }
            if Self::age(&link)? < grace {
                needed.insert(digest);
            } else {
                durable::remove(&link)?;
            }
        }
        Ok(())
    }

    fn sweep_uploads(&self, repository: &str, grace: Duration) -> io::Result<()> {
        let dir = self.repository(repository).join("_uploads");
        for id in names(&dir)? {
            let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner).contains(&id);
            if !busy && Self::age(&dir.join(&id)).is_ok_and(|age| age >= grace) {
                durable::remove(&dir.join(&id))?;
            }
        }
        Ok(())
    }

    fn sweep_blobs(&self, needed: &HashSet<Digest>, grace: Duration, swept: &mut Swept) -> io::Result<()> {
        for digest in digests(&self.dir.join("blobs"))? {
            let path = self.blob(&digest);
            // A finished upload is a blob for a moment before its repository claims it.
            if needed.contains(&digest) || Self::age(&path)? < grace {
                continue;
            }
            swept.blobs += 1;
            swept.bytes += fs::metadata(&path)?.len();
            durable::remove(&path)?;
        }
        Ok(())
    }

    pub(super) fn measure(&self) -> io::Result<Usage> {
        let mut usage = Usage::default();
        for repository in self.repositories()? {
            usage.repositories += 1;
            usage.manifests += names(&self.repository(&repository).join("_manifests"))?.len() as u64;
        }
        for digest in digests(&self.dir.join("blobs"))? {
            usage.blobs += 1;
            usage.bytes += fs::metadata(self.blob(&digest))?.len();
        }
        Ok(usage)
    }

    /// Names of all repositories.
    fn repositories(&self) -> io::Result<Vec<String>> {
        fn walk(dir: &Path, name: &str, found: &mut Vec<String>) -> io::Result<()> {
            let children = names(dir)?;
            if children.iter().any(|child| child.starts_with('_')) {
                found.push(name.to_owned());
            }
            for child in children.iter().filter(|child| !child.starts_with('_')) {
                let path = if name.is_empty() { child.clone() } else { format!("{name}/{child}") };
                walk(&dir.join(child), &path, found)?;
            }
            Ok(())
        }
        let mut found = Vec::new();
        walk(&self.dir.join("repositories"), "", &mut found)?;
        Ok(found)
    }
}

fn blobs_of(document: &Document) -> Vec<Digest> {
    match document {
        Document::Manifest(manifest) => {
            let blobs = std::iter::once(&manifest.config).chain(&manifest.layers);
            blobs.map(|blob| blob.digest).collect()
        }
        Document::Index(_) => Vec::new(),
    }
}

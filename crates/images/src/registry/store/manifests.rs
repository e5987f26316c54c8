//! Manifests, tags and referrers of a repository.

use std::{fs, io, path::PathBuf, sync::PoisonError};

use super::{BlobStore, digests, exists, names, read};
use crate::{
    Digest, durable,
    manifest::{Descriptor, Document},
    path::Reference,
};

/// A manifest as it was pushed.
pub struct StoredManifest {
    pub digest: Digest,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// What became of a push.
pub enum Put {
    Done,
    /// The repository lacks this blob or manifest.
    Missing(Digest),
}

impl BlobStore {
    pub fn manifest(&self, repository: &str, reference: &Reference) -> io::Result<Option<StoredManifest>> {
        let Some(digest) = self.digest_of(repository, reference)? else { return Ok(None) };
        let Some(media_type) = read(&self.manifest_link(repository, &digest))? else { return Ok(None) };
        let media_type = String::from_utf8_lossy(&media_type).into_owned();
        let bytes = read(&self.blob(&digest))?;
        Ok(bytes.map(|bytes| StoredManifest { digest, media_type, bytes }))
    }

    fn digest_of(&self, repository: &str, reference: &Reference) -> io::Result<Option<Digest>> {
        Ok(match reference {
            Reference::Digest(digest) => Some(*digest),
            Reference::Tag(tag) => {
                let text = read(&self.tag(repository, tag))?;
                text.and_then(|text| String::from_utf8_lossy(&text).parse().ok())
            }
        })
    }

    /// Keeps a manifest and points the tag at it, once everything that it needs is there.
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &Reference,
        document: &Document,
        digest: Digest,
        media_type: &str,
        bytes: &[u8],
    ) -> io::Result<Put> {
        let _no_sweep = self.sweeping.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(missing) = self.missing(repository, document)? {
            return Ok(Put::Missing(missing));
        }
        if !exists(&self.blob(&digest))? {
            self.put(&self.blob(&digest), bytes)?;
        }
        if let Some(subject) = document.subject() {
            self.put(&self.referrer_link(repository, &subject.digest, &digest), b"")?;
        }
        self.put(&self.manifest_link(repository, &digest), media_type.as_bytes())?;
        if let Reference::Tag(tag) = reference {
            self.put(&self.tag(repository, tag), digest.to_string().as_bytes())?;
        }
        Ok(Put::Done)
    }

    /// The first thing that a manifest needs and the repository lacks. A subject may come later.
    fn missing(&self, repository: &str, document: &Document) -> io::Result<Option<Digest>> {
        let needed: Vec<(Digest, PathBuf)> = match document {
            Document::Manifest(manifest) => {
                let blobs = std::iter::once(&manifest.config).chain(&manifest.layers);
                blobs.map(|blob| (blob.digest, self.link(repository, &blob.digest))).collect()
            }
            Document::Index(index) => {
                let manifests = index.manifests.iter();
                manifests.map(|entry| (entry.digest, self.manifest_link(repository, &entry.digest))).collect()
            }
        };
        for (digest, link) in needed {
            if !exists(&link)? || !exists(&self.blob(&digest))? {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    }

    /// A tag goes alone; a digest takes all its tags with it. Whether it was there.
    pub fn delete_manifest(&self, repository: &str, reference: &Reference) -> io::Result<bool> {
        match reference {
            Reference::Tag(tag) => {
                let tag = self.tag(repository, tag);
                let was_there = exists(&tag)?;
                durable::remove(&tag)?;
                Ok(was_there)
            }
            Reference::Digest(digest) => self.unlink_manifest(repository, digest),
        }
    }

    pub(super) fn unlink_manifest(&self, repository: &str, digest: &Digest) -> io::Result<bool> {
        let link = self.manifest_link(repository, digest);
        if !exists(&link)? {
            return Ok(false);
        }
        for tag in names(&self.repository(repository).join("_tags"))? {
            let path = self.tag(repository, &tag);
            if read(&path)?.is_some_and(|text| text == digest.to_string().as_bytes()) {
                durable::remove(&path)?;
            }
        }
        if let Some(bytes) = read(&self.blob(digest))?
            && let Ok(document) = Document::parse(&bytes)
            && let Some(subject) = document.subject()
        {
            durable::remove(&self.referrer_link(repository, &subject.digest, digest))?;
        }
        durable::remove(&link)?;
        Ok(true)
    }

    /// Tags in order; `None` for a repository that is not there.
    pub fn tags(&self, repository: &str) -> io::Result<Option<Vec<String>>> {
        let dir = self.repository(repository);
        if !exists(&dir.join("_manifests"))? && !exists(&dir.join("_blobs"))? {
            return Ok(None);
        }
        names(&dir.join("_tags")).map(Some)
    }

    /// Descriptors of the manifests that name `subject`.
    pub fn referrers(&self, repository: &str, subject: &Digest) -> io::Result<Vec<Descriptor>> {
        let dir = self.repository(repository).join("_referrers").join(subject.hex());
        let mut found = Vec::new();
        for digest in digests(&dir)? {
            let stored = self.manifest(repository, &Reference::Digest(digest))?;
            found.extend(stored.as_ref().and_then(descriptor));
        }
        Ok(found)
    }

    pub(super) fn manifest_link(&self, repository: &str, digest: &Digest) -> PathBuf {
        self.repository(repository).join("_manifests").join(digest.hex())
    }

    fn tag(&self, repository: &str, tag: &str) -> PathBuf {
        self.repository(repository).join("_tags").join(tag)
    }

    fn referrer_link(&self, repository: &str, subject: &Digest, digest: &Digest) -> PathBuf {
        self.repository(repository).join("_referrers").join(subject.hex()).join(digest.hex())
    }

    /// When a file of the repository was written last, or asked for.
    pub(super) fn age(path: &std::path::Path) -> io::Result<std::time::Duration> {
        Ok(fs::metadata(path)?.modified()?.elapsed().unwrap_or_default())
    }
}

/// As a referrers list shows it: an artifact without a type has that of its configuration.
fn descriptor(stored: &StoredManifest) -> Option<Descriptor> {
    let (artifact_type, annotations) = match Document::parse(&stored.bytes).ok()? {
        Document::Manifest(manifest) => {
            (manifest.artifact_type.or(Some(manifest.config.media_type)), manifest.annotations)
        }
        Document::Index(index) => (index.artifact_type, index.annotations),
    };
    Some(Descriptor {
        media_type: stored.media_type.clone(),
        digest: stored.digest,
        size: stored.bytes.len() as u64,
        platform: None,
        artifact_type,
        annotations,
    })
}

//! Reads an OCI image layout: a folder, or a tar of one.

use std::{
    fs::{self, File},
    io::{BufReader, Write},
    path::{Path, PathBuf},
};

use roost_model::ImageRef;

use super::{Plan, Stored};
use crate::{
    Digest, ImageError,
    disk::tar::{Kind, Reader},
    limits::MAX_MANIFEST_BYTES,
    manifest::{Descriptor, Document, Index},
};

/// Indexes within indexes: a layout's own, one for platforms, and one to spare.
const MAX_NESTING: usize = 3;

/// An opened layout.
pub struct Layout {
    dir: PathBuf,
    /// Holds what was taken out of a tar.
    _unpacked: Option<tempfile::TempDir>,
}

impl Layout {
    pub async fn open(path: &Path) -> Result<Self, ImageError> {
        let path = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || open(&path)).await;
        opened.map_err(|error| ImageError::Invalid(error.to_string()))?
    }

    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs/sha256").join(digest.hex())
    }

    /// Everything that the layout's image consists of.
    pub fn plan(&self, target: &ImageRef) -> Result<Plan, ImageError> {
        let bytes = read(&self.dir.join("index.json"))?;
        let Document::Index(index) = Document::parse(&bytes)? else {
            return Err(ImageError::Invalid("index.json of the layout is no index".to_owned()));
        };
        let top = self.manifest(top_of(&index, target)?)?;
        let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
        self.gather(&top, &mut blobs, &mut manifests, MAX_NESTING)?;
        blobs.sort_by_key(|blob| blob.digest);
        blobs.dedup_by_key(|blob| blob.digest);
        for blob in &blobs {
            let length = fs::metadata(self.blob(&blob.digest)).map_err(missing(&blob.digest))?.len();
            if length != blob.size {
                let what = format!("blob {} has {length} bytes, not {}", blob.digest, blob.size);
                return Err(ImageError::Invalid(what));
            }
        }
        Ok(Plan { blobs, manifests, top })
    }

    /// Children first: a registry takes a manifest only after what it names.
    fn gather(
        &self,
        stored: &Stored,
        blobs: &mut Vec<Descriptor>,
        manifests: &mut Vec<Stored>,
        nesting: usize,
    ) -> Result<(), ImageError> {
        match &stored.document {
            Document::Manifest(manifest) => {
                blobs.push(manifest.config.clone());
                blobs.extend(manifest.layers.iter().cloned());
            }
            Document::Index(_) if nesting == 0 => {
                return Err(ImageError::Invalid("indexes are nested too deeply".to_owned()));
            }
            Document::Index(index) => {
                for entry in &index.manifests {
                    self.gather(&self.manifest(entry)?, blobs, manifests, nesting - 1)?;
                }
            }
        }
        manifests.push(stored.clone());
        Ok(())
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Stored, ImageError> {
        let bytes = read(&self.blob(&descriptor.digest))?;
        let found = Digest::of(&bytes);
        if found != descriptor.digest {
            let what = "a manifest of the layout".to_owned();
            return Err(ImageError::DigestMismatch { what, expected: descriptor.digest, found });
        }
        let document = Document::parse(&bytes)?;
        Ok(Stored { digest: found, bytes, document })
    }
}

/// The only image of a layout, or of several the one for this platform.
fn top_of<'a>(index: &'a Index, target: &ImageRef) -> Result<&'a Descriptor, ImageError> {
    match &index.manifests[..] {
        [] => Err(ImageError::Invalid("the layout holds no image".to_owned())),
        [only] => Ok(only),
        _ => index.for_this_platform(&target.to_string()),
    }
}

fn open(path: &Path) -> Result<Layout, ImageError> {
    if path.is_dir() {
        return Ok(Layout { dir: path.to_owned(), _unpacked: None });
    }
    let dir = tempfile::tempdir().map_err(ImageError::io("make a folder for the layout"))?;
    unpack(path, dir.path())?;
    Ok(Layout { dir: dir.path().to_owned(), _unpacked: Some(dir) })
}

/// Takes `index.json` and the blobs out of a tar; nothing else in it is looked at.
fn unpack(tar: &Path, dir: &Path) -> Result<(), ImageError> {
    let io = || ImageError::io(format!("read the layout {}", tar.display()));
    let invalid = |error: crate::disk::tar::TarError| ImageError::Invalid(format!("layout: {error}"));
    fs::create_dir_all(dir.join("blobs/sha256")).map_err(io())?;
    let file = File::open(tar).map_err(io())?;
    let mut reader = Reader::new(BufReader::with_capacity(1 << 20, file));
    while let Some(entry) = reader.next().map_err(invalid)? {
        let name = String::from_utf8_lossy(&entry.path).into_owned();
        let Some(place) = place(name.trim_start_matches("./")).filter(|_| entry.kind == Kind::File) else {
            continue;
        };
        let mut out = File::create(dir.join(place)).map_err(io())?;
        loop {
            let piece = reader.content().map_err(invalid)?;
            if piece.is_empty() {
                break;
            }
            out.write_all(piece).map_err(io())?;
            let length = piece.len();
            reader.consume(length);
        }
    }
    Ok(())
}

/// Where a file of a layout belongs: names are rebuilt from what they mean, never used as they are.
fn place(name: &str) -> Option<String> {
    if name == "index.json" {
        return Some(name.to_owned());
    }
    let digest: Digest = format!("sha256:{}", name.strip_prefix("blobs/sha256/")?).parse().ok()?;
    Some(format!("blobs/sha256/{}", digest.hex()))
}

fn read(path: &Path) -> Result<Vec<u8>, ImageError> {
    let io = || ImageError::io(format!("read {} of the layout", path.display()));
    if fs::metadata(path).map_err(io())?.len() > MAX_MANIFEST_BYTES {
        return Err(ImageError::Invalid(format!("a manifest of more than {MAX_MANIFEST_BYTES} bytes")));
    }
    fs::read(path).map_err(io())
}

fn missing(digest: &Digest) -> impl FnOnce(std::io::Error) -> ImageError {
    ImageError::io(format!("read blob {digest} of the layout"))
}

//! The result: an OCI image layout in a folder.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::BuildError;

/// A built image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Folder with `oci-layout`, `index.json` and `blobs/`.
    pub layout: PathBuf,
    /// Digest of the only manifest that `index.json` names.
    pub digest: String,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Manifest>,
}

#[derive(Deserialize)]
struct Manifest {
    digest: String,
}

/// Reads what a builder left in `layout`.
pub(crate) fn read(layout: &Path, builder: &'static str) -> Result<Built, BuildError> {
    let failed = |reason: String| BuildError::NoImage { builder, reason };
    let path = layout.join("index.json");
    let text = std::fs::read(&path).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    let index: Index = serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
    match index.manifests.as_slice() {
        [manifest] => Ok(Built { layout: layout.to_owned(), digest: manifest.digest.clone() }),
        manifests => Err(failed(format!("it names {} images, not one", manifests.len()))),
    }
}

/// Unpacks what `docker save` wrote into `layout`.
pub(crate) fn unpack(archive: &Path, layout: &Path) -> Result<(), BuildError> {
    let file = std::fs::File::open(archive).map_err(BuildError::io("open the saved image"))?;
    tar::Archive::new(file).unpack(layout).map_err(BuildError::io("unpack the saved image"))
}

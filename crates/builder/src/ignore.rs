//! An ignore file of another name, for builders that know only `<Dockerfile>.dockerignore`.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{BuildError, BuildRequest};

/// A Dockerfile with the ignore file that belongs to it beside it.
pub(crate) struct Dockerfile {
    /// Keeps the copy for as long as the build runs.
    _copy: Option<TempDir>,
    pub path: PathBuf,
}

/// The request's Dockerfile, copied beside its ignore file when it has one of its own.
pub(crate) fn with_ignorefile(request: &BuildRequest) -> Result<Dockerfile, BuildError> {
    let Some(ignorefile) = &request.ignorefile else {
        return Ok(Dockerfile { _copy: None, path: request.dockerfile.clone() });
    };
    let copy = tempfile::tempdir().map_err(BuildError::io("make a folder for the Dockerfile"))?;
    let path = copy.path().join("Dockerfile");
    copy_file(&request.dockerfile, &path)?;
    copy_file(ignorefile, &copy.path().join("Dockerfile.dockerignore"))?;
    Ok(Dockerfile { _copy: Some(copy), path })
}

fn copy_file(from: &Path, to: &Path) -> Result<(), BuildError> {
    std::fs::copy(from, to).map(drop).map_err(BuildError::io(format!("copy {}", from.display())))
}

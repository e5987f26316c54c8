//! Where one VMM lives on the host: the folder of its jail and its cgroup.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{JailSpec, VmmError, cgroup::Cgroup, error::Context};

#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub dir: PathBuf,
    pub cgroup: Cgroup,
}

impl Place {
    pub fn of(jail: &JailSpec) -> Result<Self, VmmError> {
        Ok(Self { dir: jail.dir.clone(), cgroup: Cgroup::at(&jail.cgroup)? })
    }

    /// An empty folder that only root can enter, and the cgroup with its limits.
    pub fn create(&self, jail: &JailSpec) -> Result<(), VmmError> {
        remove_folder(&self.dir)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .context(|| format!("making {}", self.dir.display()))?;
        self.cgroup.create(&jail.limits)
    }

    /// Kills what lives here, then removes everything. Fine if it is gone already.
    pub async fn remove(&self) -> Result<(), VmmError> {
        self.cgroup.remove().await?;
        remove_folder(&self.dir)
    }
}

fn remove_folder(dir: &Path) -> Result<(), VmmError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(e).context(|| format!("removing {}", dir.display()))
        }
        _ => Ok(()),
    }
}

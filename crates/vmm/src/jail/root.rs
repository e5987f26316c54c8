//! The file system that a jailed VMM sees: a shared read-only tree, with single files bound over
//! its placeholders. Nothing in it can be written.

use std::{
    ffi::CString,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use nix::mount::MsFlags;

use super::Step;
use crate::VmmError;

pub(crate) struct Root {
    /// Holds the VMM and what it loads.
    pub tree: PathBuf,
    /// Empty folder that `tree` is mounted on, in the VMM's own mount namespace.
    pub mount_point: PathBuf,
    pub files: Vec<BoundFile>,
}

pub(crate) struct BoundFile {
    pub source: PathBuf,
    /// Path in the jail, of a file that `tree` has.
    pub inside: &'static str,
    /// A device node, to be usable as one; otherwise a file to be read.
    pub device: bool,
}

impl Root {
    pub(super) fn steps(&self) -> Result<Vec<Step>, VmmError> {
        let plain = MsFlags::MS_NOSUID | MsFlags::MS_RDONLY;
        let mut steps = vec![Step::PrivateMounts];
        steps.extend(bind(&self.tree, &self.mount_point, plain | MsFlags::MS_NODEV)?);
        for file in &self.files {
            let target = self.mount_point.join(file.inside.trim_start_matches('/'));
            let flags = match file.device {
                true => MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC,
                false => plain | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
            };
            steps.extend(bind(&file.source, &target, flags)?);
        }
        steps.push(Step::PivotRoot(c_path(&self.mount_point)?));
        Ok(steps)
    }
}

fn bind(source: &Path, target: &Path, flags: MsFlags) -> Result<[Step; 2], VmmError> {
    let (source, target) = (c_path(source)?, c_path(target)?);
    Ok([Step::Bind { source, target: target.clone() }, Step::Remount { target, flags }])
}

fn c_path(path: &Path) -> Result<CString, VmmError> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| VmmError::Spec(format!("the path {} holds a zero byte", path.display())))
}

//! The folder that the jailer makes Firecracker's root, and what we put into it.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use roost_model::MachineId;

use crate::{Disk, VmSpec, VmmError, error::Context, snapshot, socket::Within};

/// Paths in the chroot.
pub(super) const KERNEL: &str = "/kernel";
pub(super) const INITRAMFS: &str = "/initramfs";
pub(super) const API_SOCKET: &str = "/run/api.sock";
pub(super) const GUEST_SOCKET: &str = "/run/guest.sock";
pub(super) const SNAPSHOT_STATE: &str = "/snapshot-state";
pub(super) const SNAPSHOT_MEMORY: &str = "/snapshot-memory";

pub(super) fn disk(index: usize) -> String {
    format!("/disk{index}")
}

#[derive(Clone)]
pub(super) struct Chroot {
    root: PathBuf,
}

impl Chroot {
    /// Where the jailer will make it (`<base>/<program>/<id>/root`, its documentation says).
    pub fn of(base: &Path, program: &Path, machine: &MachineId) -> Self {
        let name = program.file_name().unwrap_or_default();
        Self { root: base.join(name).join(machine.as_str()).join("root") }
    }

    /// The one that is in a jail, whose machine has the only id there.
    pub fn find(base: &Path, program: &Path) -> Option<Self> {
        let mut ids = fs::read_dir(base.join(program.file_name()?)).ok()?;
        Some(Self { root: ids.next()?.ok()?.path().join("root") })
    }

    /// A socket of Firecracker's, which must be looked for with care: its folder is Firecracker's to change.
    pub fn within(&self, inside: &str) -> Within {
        Within { root: self.root.clone(), inside: inside.trim_start_matches('/').into() }
    }

    /// Links the machine's files into it.
    pub fn fill(&self, spec: &VmSpec) -> Result<(), VmmError> {
        fs::create_dir_all(&self.root).context(|| format!("making {}", self.root.display()))?;
        self.link_or_copy(&spec.boot.kernel, KERNEL)?;
        self.link_or_copy(&spec.boot.initramfs, INITRAMFS)?;
        for (index, disk) in spec.disks.iter().enumerate() {
            self.link_disk(disk, index, spec.jail.uid, spec.jail.gid)?;
        }
        Ok(())
    }

    fn link_disk(&self, disk: &Disk, index: usize, uid: u32, gid: u32) -> Result<(), VmmError> {
        let target = self.outside(&self::disk(index));
        let doing = || format!("linking disk {}", disk.path.display());
        match fs::hard_link(&disk.path, &target) {
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {
                return Err(VmmError::OtherFileSystem { path: disk.path.clone() });
            }
            result => result.context(doing)?,
        }
        if !disk.read_only {
            // The machine's own; nobody else's user comes near it.
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).context(doing)?;
            return chown(&target, Some(uid), Some(gid)).context(doing);
        }
        let readable = fs::metadata(&target).context(doing)?.mode() & 0o004 != 0;
        let refused = || VmmError::Spec(format!("{} must be readable by all", disk.path.display()));
        readable.then_some(()).ok_or_else(refused)
    }

    /// Puts what was kept where Firecracker finds it.
    pub fn link_snapshot(&self, from: &Path) -> Result<(), VmmError> {
        for (kept, inside) in snapshot_files(from) {
            let target = self.outside(inside);
            fs::hard_link(&kept, &target).context(|| format!("linking {}", kept.display()))?;
        }
        Ok(())
    }

    /// Its own copy of the names; whoever has the files open keeps them.
    pub fn unlink_snapshot(&self) -> Result<(), VmmError> {
        for inside in [SNAPSHOT_STATE, SNAPSHOT_MEMORY] {
            match fs::remove_file(self.outside(inside)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    Err(e).context(|| format!("removing {inside}"))?
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes away what Firecracker wrote. It may have put anything there: a link in place of a file would lead
    /// the next one who opens it to another machine's.
    pub fn take_snapshot(&self, into: &Path) -> Result<(), VmmError> {
        for (kept, inside) in snapshot_files(into) {
            fs::rename(self.outside(inside), &kept).context(|| format!("moving {inside}"))?;
            let metadata = fs::symlink_metadata(&kept).context(|| format!("looking at {inside}"))?;
            if !metadata.is_file() || metadata.nlink() != 1 {
                return Err(VmmError::Refused {
                    command: "a snapshot".into(),
                    reason: format!("{inside} is no file of its own"),
                });
            }
            fs::set_permissions(&kept, fs::Permissions::from_mode(0o600))
                .context(|| format!("closing {inside} to others"))?;
        }
        Ok(())
    }

    /// Boot files are shared by all machines and never written.
    fn link_or_copy(&self, source: &Path, inside: &str) -> Result<(), VmmError> {
        let target = self.outside(inside);
        fs::hard_link(source, &target)
            .or_else(|_| fs::copy(source, &target).map(drop))
            .context(|| format!("copying {}", source.display()))
    }

    fn outside(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }
}

fn snapshot_files(folder: &Path) -> [(PathBuf, &'static str); 2] {
    [(snapshot::state(folder), SNAPSHOT_STATE), (snapshot::memory(folder), SNAPSHOT_MEMORY)]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_snapshot_is_taken_only_as_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (root, into) = (folder.path().join("root"), folder.path().join("into"));
        let other = folder.path().join("of-another-machine");
        fs::create_dir(&root).unwrap();
        fs::write(&other, "secret").unwrap();
        let chroot = Chroot { root: root.clone() };
        let take = || {
            let _ = fs::remove_dir_all(&into);
            fs::create_dir(&into).unwrap();
            chroot.take_snapshot(&into)
        };
        fs::write(root.join("snapshot-state"), "state").unwrap();
        fs::write(root.join("snapshot-memory"), "memory").unwrap();
        take().unwrap();
        assert_eq!(fs::metadata(into.join("memory")).unwrap().mode() & 0o777, 0o600);

        fs::write(root.join("snapshot-state"), "state").unwrap();
        symlink(&other, root.join("snapshot-memory")).unwrap();
        assert!(take().unwrap_err().to_string().contains("no file of its own"));
        fs::hard_link(&other, root.join("snapshot-state")).unwrap();
        assert!(take().is_err());
    }
}

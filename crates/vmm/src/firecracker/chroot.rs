//! The folder that the jailer makes Firecracker's root, and what we put into it.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use roost_model::MachineId;

use crate::{Disk, VmSpec, VmmError, error::Context, socket::Within};

/// Paths in the chroot.
pub(super) const KERNEL: &str = "/kernel";
pub(super) const INITRAMFS: &str = "/initramfs";
pub(super) const API_SOCKET: &str = "/run/api.sock";
pub(super) const GUEST_SOCKET: &str = "/run/guest.sock";

pub(super) fn disk(index: usize) -> String {
    format!("/disk{index}")
}

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

//! From a kernel's file to the boot files in the cache.

use std::{fs, io::Write, path::Path};

use sha2::{Digest, Sha256};

use crate::{BootFiles, INIT, Kernel, KernelError, KernelSource, archive, elf, image, modules, source};

/// Enough of a digest that two different files never share a name.
const NAME_BYTES: usize = 16;

impl Kernel {
    /// Makes the boot files of `source` in `cache_dir`, or finds them there. Files are named by their
    /// content and appear whole or not at all, so callers may run at the same time, and a newer kernel
    /// or `init` never changes the files of a machine that runs.
    ///
    /// Reads and unpacks tens of megabytes: not for an async task's own thread.
    pub fn prepare(source: &KernelSource, cache_dir: &Path) -> Result<BootFiles, KernelError> {
        fs::create_dir_all(cache_dir).map_err(KernelError::io(cache_dir))?;
        let path = source::find(source)?;
        let bytes = fs::read(&path).map_err(KernelError::io(&path))?;
        let kernel_elf = cache_dir.join(format!("vmlinux-{}", name_of(&bytes)));
        let elf = match fs::read(&kernel_elf) {
            Ok(elf) => elf,
            Err(_) => extract(bytes, &path, &kernel_elf)?,
        };
        let version = elf::version(&elf)
            .ok_or_else(|| KernelError::Damaged { path, reason: "it does not say its version".into() })?;
        let modules = modules::choose(&version)?;
        let archive = archive::pack(INIT, &modules);
        let initramfs = cache_dir.join(format!("initramfs-{}", name_of(&archive)));
        keep(&initramfs, &archive)?;
        Ok(BootFiles {
            kernel_elf,
            initramfs,
            version,
            builtin_virtio: elf::finds_devices_on_command_line(&elf),
            modules: modules.into_iter().map(|module| module.name).collect(),
        })
    }
}

fn extract(image: Vec<u8>, path: &Path, to: &Path) -> Result<Vec<u8>, KernelError> {
    let elf = image::extract(image, path)?;
    if !elf::has_pvh_entry(&elf) {
        return Err(KernelError::NoPvh { path: path.to_owned() });
    }
    keep(to, &elf)?;
    Ok(elf)
}

/// Writes a file, whole or not at all, unless it is there.
fn keep(path: &Path, content: &[u8]) -> Result<(), KernelError> {
    if path.exists() {
        return Ok(());
    }
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(content)?;
        // Readable by the VMMs of all machines, which have users of their own.
        let readable = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644);
        file.as_file().set_permissions(readable)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(KernelError::io(path))
}

fn name_of(content: &[u8]) -> String {
    hex::encode(&Sha256::digest(content)[..NAME_BYTES])
}

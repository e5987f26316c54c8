//! What a guest boots from: the kernel as an ELF file and an initramfs that holds `roost-init` and the
//! modules which that kernel lacks.

mod error;
mod prepare;

use std::path::PathBuf;

pub use error::KernelError;

/// Where the guest's kernel comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelSource {
    /// The distribution's cloud kernel, or else any kernel in /boot.
    Distribution,
    /// A bzImage or an ELF file. Its modules, if it needs any, are in /lib/modules.
    File(PathBuf),
}

/// What a VMM needs to boot a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFiles {
    /// Uncompressed ELF with a PVH entry.
    pub kernel_elf: PathBuf,
    /// Uncompressed cpio archive.
    pub initramfs: PathBuf,
    /// As `uname -r` says it in the guest.
    pub version: String,
    /// The kernel finds virtio devices that its command line names: it boots without ACPI.
    pub builtin_virtio: bool,
    /// Names of the modules in the initramfs, in the order in which they are loaded.
    pub modules: Vec<String>,
}

/// Namespace of [`Kernel::prepare`].
#[derive(Debug, Clone, Copy)]
pub struct Kernel;

//! What a guest boots from: the kernel as an ELF file, and an initramfs that holds `roost-init` and the
//! modules which that kernel has not built in.
//!
//! The way of a kernel through the modules: [`source`] finds it, [`image`] takes the ELF out of a
//! bzImage, [`elf`] looks at what it can do, [`modules`] chooses what it lacks, [`archive`] packs it, and
//! [`prepare`] keeps the results in a cache, named by content. Starting a VM is not done here.

mod archive;
mod elf;
mod error;
mod image;
mod modules;
mod prepare;
mod source;

use std::path::PathBuf;

pub use error::KernelError;

/// `roost-init`, for the guest.
const INIT: &[u8] = include_bytes!(env!("ROOST_INIT"));

/// Where the guest's kernel comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelSource {
    /// The distribution's cloud kernel, or else the newest kernel in /boot.
    Distribution,
    /// A bzImage or an ELF file. If it has modules, they are in /lib/modules.
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

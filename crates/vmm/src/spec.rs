//! What one virtual machine is made of.

use std::path::PathBuf;

use roost_model::MachineId;
use roost_netdev::Link;

use crate::Limits;

/// The kernel side of a boot, the same for every machine of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootFiles {
    /// Uncompressed ELF (`vmlinux`) with a PVH entry point.
    pub kernel: PathBuf,
    /// Raw cpio whose `/init` opens the guest channel.
    pub initramfs: PathBuf,
    /// The kernel finds virtio devices by its command line (`CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES`
    /// built in); otherwise QEMU describes them by ACPI.
    pub cmdline_devices: bool,
}

#[derive(Debug)]
pub struct VmSpec {
    pub machine: MachineId,
    pub jail: JailSpec,
    pub vcpus: u32,
    pub memory_mib: u32,
    pub boot: BootFiles,
    /// Come after those of the driver and of the configuration.
    pub kernel_args: Vec<String>,
    /// In the order in which the guest numbers them.
    pub disks: Vec<Disk>,
    /// None: a machine without a network (the probe's).
    pub nic: Option<Nic>,
}

/// Where a VMM is locked in, and as whom. Also names a running VMM after a restart of the agent.
#[derive(Debug, Clone)]
pub struct JailSpec {
    /// Folder of this jail alone, made by the driver; only root can enter it.
    pub dir: PathBuf,
    /// Not 0, and no other machine's.
    pub uid: u32,
    pub gid: u32,
    /// Path below the root of each cgroup hierarchy, such as `roost-ab12/9080e6f3a12d45`.
    pub cgroup: String,
    pub limits: Limits,
}

/// A virtio block device over a raw file. The VMM gets an open descriptor: the file can be root's alone.
#[derive(Debug, Clone)]
pub struct Disk {
    pub path: PathBuf,
    pub read_only: bool,
    /// By which the guest tells its disks apart; at most 20 bytes (virtio's limit).
    pub serial: String,
}

#[derive(Debug)]
pub struct Nic {
    pub mac: [u8; 6],
    pub link: Link,
}

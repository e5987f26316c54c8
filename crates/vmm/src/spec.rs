//! What one virtual machine is made of.

use std::path::PathBuf;

use roost_model::MachineId;
use roost_netdev::Link;

use crate::{DiskRate, Limits, VmmError};

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
    /// As fast as it goes when absent.
    pub rate: Option<DiskRate>,
}

#[derive(Debug)]
pub struct Nic {
    pub mac: [u8; 6],
    /// None: a device that is connected to nothing.
    pub link: Option<Link>,
}

/// Longest serial of a virtio block device (virtio 1.2, section 5.2.6).
const MAX_SERIAL: usize = 20;

impl VmSpec {
    /// What no VMM should be asked, because it would take it for something else.
    pub(crate) fn check(&self) -> Result<(), VmmError> {
        let refuse = |reason: String| Err(VmmError::Spec(reason));
        if self.jail.uid == 0 || self.jail.gid == 0 {
            return refuse("a VMM may not run as root".into());
        }
        if self.vcpus == 0 || self.memory_mib == 0 {
            return refuse("a machine needs at least one CPU and some memory".into());
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if let Some(disk) =
            self.disks.iter().find(|d| d.serial.len() > MAX_SERIAL || !d.serial.chars().all(plain))
        {
            return refuse(format!(
                "a disk's serial is up to 20 letters, digits, - _ and .: {:?}",
                disk.serial
            ));
        }
        // What follows `--` goes to init; QEMU and the kernel's own devices come last.
        let one_word =
            |arg: &str| arg != "--" && !arg.is_empty() && arg.chars().all(|c| c.is_ascii_graphic());
        if let Some(arg) = self.kernel_args.iter().find(|arg| !one_word(arg)) {
            return refuse(format!("a kernel argument is one word: {arg:?}"));
        }
        Ok(())
    }
}

//! The `[vmm]` section of the configuration file.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VmmConfig {
    pub driver: DriverChoice,
    /// A path, or a name to look up in PATH.
    pub qemu: PathBuf,
    pub firecracker: PathBuf,
    pub jailer: PathBuf,
    /// The guests' kernel, bzImage or ELF; the distribution's cloud kernel when absent.
    pub kernel: Option<PathBuf>,
    /// Come after the driver's own and before the machine's.
    pub kernel_args: Vec<String>,
    /// From the start of the VMM to the guest's first word, in seconds.
    pub boot_timeout_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverChoice {
    /// Firecracker where KVM is proven to work and its binaries are there, else QEMU.
    #[default]
    Auto,
    Qemu,
    Firecracker,
}

impl VmmConfig {
    pub fn boot_timeout(&self) -> Duration {
        Duration::from_secs(self.boot_timeout_secs)
    }
}

impl Default for VmmConfig {
    fn default() -> Self {
        Self {
            driver: DriverChoice::Auto,
            qemu: "qemu-system-x86_64".into(),
            firecracker: "firecracker".into(),
            jailer: "jailer".into(),
            kernel: None,
            kernel_args: Vec::new(),
            boot_timeout_secs: 60,
        }
    }
}

//! The seam between the host's agent and the programs that run machines.

use std::path::Path;

use roost_netdev::LinkKind;

use crate::{BootFiles, JailSpec, Vm, VmSpec, VmmConfig, VmmError};

/// Cheap to clone.
#[derive(Clone)]
pub struct Driver {}

impl Driver {
    /// The driver that the configuration names or, for `auto`, the best one that works here, and why.
    ///
    /// Takes as long as a boot the first time (KVM is believed only when a guest booted under it) and is
    /// remembered in `state_dir` until kernel, VMM or the host's own boot change.
    pub async fn select(
        config: &VmmConfig,
        boot: &BootFiles,
        state_dir: &Path,
    ) -> Result<(Self, String), VmmError> {
        let _ = (config, boot, state_dir);
        Err(VmmError::NoDriver("not built".into()))
    }

    /// `qemu (tcg)`, `qemu (kvm)` or `firecracker`.
    pub fn describe(&self) -> String {
        String::new()
    }

    /// Instructions are translated in software: slow, and more memory.
    pub fn is_emulated(&self) -> bool {
        true
    }

    /// The kind of link that this driver's machines need.
    pub fn link_kind(&self) -> LinkKind {
        LinkKind::Tap
    }

    /// Starts a machine; returns when the VMM runs it. Leaves nothing behind on failure. The descriptors in
    /// `spec` are the caller's to drop, once this returned.
    pub async fn spawn(&self, spec: &VmSpec) -> Result<Vm, VmmError> {
        let _ = spec;
        Err(VmmError::NoDriver("not built".into()))
    }

    /// Finds the VMM that an earlier agent started in this jail; `None` if none lives. One that was caught
    /// half-started is ended.
    pub async fn adopt(&self, jail: &JailSpec) -> Result<Option<Vm>, VmmError> {
        let _ = jail;
        Ok(None)
    }

    /// Removes what a dead VMM left in its jail and cgroup; kills one that lives.
    pub async fn remove(&self, jail: &JailSpec) -> Result<(), VmmError> {
        let _ = jail;
        Ok(())
    }
}

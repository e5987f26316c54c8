//! The seam between the host's agent and the programs that run machines.

use std::{path::Path, sync::Arc};

use roost_netdev::LinkKind;

use crate::{
    BootFiles, JailSpec, Maker, Vm, VmSpec, VmmConfig, VmmError,
    firecracker::Firecracker,
    place::Place,
    qemu::{self, Accelerator, Qemu},
    select,
};

/// Cheap to clone.
#[derive(Debug, Clone)]
pub enum Driver {
    Qemu(Arc<Qemu>),
    Firecracker(Arc<Firecracker>),
}

impl Driver {
    /// The driver that the configuration names or, for `auto`, the best one that works here, and why.
    ///
    /// Takes as long as a boot the first time where there is KVM (it is believed only when a guest
    /// booted under it); the answer is remembered in `state_dir` until kernel, VMM or the host's own boot change.
    pub async fn select(
        config: &VmmConfig,
        boot: &BootFiles,
        state_dir: &Path,
    ) -> Result<(Self, String), VmmError> {
        select::select(config, boot, state_dir).await
    }

    /// `qemu (tcg)`, `qemu (kvm)` or `firecracker`.
    pub fn describe(&self) -> String {
        match self {
            Self::Qemu(qemu) => format!("qemu ({})", qemu.accelerator().name()),
            Self::Firecracker(_) => "firecracker".into(),
        }
    }

    /// Instructions are translated in software: slow, and more memory (see [`crate::Limits::for_guest`]).
    pub fn is_emulated(&self) -> bool {
        matches!(self, Self::Qemu(qemu) if qemu.accelerator() == Accelerator::Tcg)
    }

    /// The kind of link that this driver's machines need.
    pub fn link_kind(&self) -> LinkKind {
        match self {
            Self::Qemu(_) => LinkKind::Tap,
            Self::Firecracker(_) => LinkKind::Netns,
        }
    }

    /// Starts a machine; returns when the VMM runs it. Leaves nothing behind on failure; after a
    /// cancelled call [`Self::remove`] does. The caller drops the link in `spec` once this returned: the
    /// VMM has its own copy.
    pub async fn spawn(&self, spec: &VmSpec) -> Result<Vm, VmmError> {
        match self {
            Self::Qemu(qemu) => qemu.spawn(spec).await,
            Self::Firecracker(firecracker) => firecracker.spawn(spec).await,
        }
    }

    /// Starts a VMM with what [`Vm::save`] kept in `from`. Nothing of the guest runs until [`Vm::go_on`]: remove
    /// the snapshot before that, for it is good only once. The machine must be what it was: same disks in their
    /// present content, same network device, same size. Otherwise as [`Self::spawn`].
    pub async fn restore(&self, spec: &VmSpec, from: &Path) -> Result<Vm, VmmError> {
        match self {
            Self::Qemu(qemu) => qemu.restore(spec, from).await,
            Self::Firecracker(firecracker) => firecracker.restore(spec, from).await,
        }
    }

    /// Whether guests with these boot files can be kept before they know which machine they are: machines start
    /// from copies ([`Self::restore`]). Not where the kernel has looked at disks and network by then, because
    /// it has their drivers built in; nor under Firecracker, whose snapshots name the files of one machine.
    pub fn can_prime(&self, boot: &BootFiles) -> bool {
        matches!(self, Self::Qemu(_)) && !boot.cmdline_devices
    }

    /// What snapshots of machines with these boot files are made by from now on.
    pub fn maker(&self, boot: &BootFiles) -> Maker {
        let program = match self {
            Self::Qemu(qemu) => qemu.build(),
            Self::Firecracker(firecracker) => firecracker.build(),
        };
        Maker::new(self.describe(), program, boot)
    }

    /// Finds the VMM that an earlier agent started in this jail; `None` if none lives. One that was caught
    /// half-started is ended; one whose guest is suspended is found suspended.
    pub async fn adopt(&self, jail: &JailSpec) -> Result<Option<Vm>, VmmError> {
        match self {
            Self::Qemu(_) => qemu::adopt(jail).await,
            Self::Firecracker(firecracker) => firecracker.adopt(jail).await,
        }
    }

    /// Removes jail and cgroup, killing what lives in it. Fine if it is gone already.
    pub async fn remove(&self, jail: &JailSpec) -> Result<(), VmmError> {
        Place::of(jail)?.remove().await
    }
}

//! Machines under Firecracker, started through its jailer.
//!
//! The jailer makes the chroot, the namespaces and the seccomp filter of Firecracker's own; session, cgroup and standard
//! streams are ours, as for QEMU. Firecracker opens files by name, so they are linked into its chroot:
//!
//! ```text
//!   <jail>/<firecracker>/<machine>/root/   kernel  initramfs  disk0 disk1 ...   run/api.sock  run/guest.sock
//! ```
//!
//! Firecracker says of its disks neither our serial nor any that could be chosen: their serials, in order,
//! are told to the guest by the kernel argument `roost.disks`.

mod api;
mod chroot;
mod launch;
mod monitor;
mod requests;
mod snapshot;

use std::path::{Path, PathBuf};

use chroot::Chroot;
use launch::Begin;

use crate::{
    JailSpec, Vm, VmSpec, VmmError, guest_socket::GuestSocket, maker, output::Output, pidfd::Pidfd,
    place::Place,
};

#[derive(Debug)]
pub struct Firecracker {
    program: PathBuf,
    jailer: PathBuf,
    /// Of the configuration.
    kernel_args: Vec<String>,
}

impl Firecracker {
    /// Absolute paths.
    pub(crate) fn new(program: &Path, jailer: &Path, kernel_args: Vec<String>) -> Self {
        Self { program: program.to_owned(), jailer: jailer.to_owned(), kernel_args }
    }

    /// Names this build of Firecracker.
    pub(crate) fn build(&self) -> String {
        maker::fingerprint(&self.program)
    }

    pub(crate) async fn spawn(&self, spec: &VmSpec) -> Result<Vm, VmmError> {
        self.launch(spec, Begin::Boot).await
    }

    pub(crate) async fn restore(&self, spec: &VmSpec, from: &Path) -> Result<Vm, VmmError> {
        self.launch(spec, Begin::Restore(from)).await
    }

    async fn launch(&self, spec: &VmSpec, begin: Begin<'_>) -> Result<Vm, VmmError> {
        let place = Place::of(&spec.jail)?;
        match launch::launch(self, spec, &place, begin).await {
            Ok(vm) => Ok(vm),
            Err(error) => {
                // The first error says more than one of cleaning up.
                let _ = place.remove().await;
                Err(error)
            }
        }
    }

    /// Finds the Firecracker of this jail, whoever started it. One that was not told to start its guest yet is ended.
    pub(crate) async fn adopt(&self, jail: &JailSpec) -> Result<Option<Vm>, VmmError> {
        let place = Place::of(jail)?;
        let Some(pid) = place.cgroup.processes().first().copied() else { return Ok(None) };
        let Ok(process) = Pidfd::open(pid as u32) else { return Ok(None) };
        if !place.cgroup.processes().contains(&pid) {
            return Ok(None);
        }
        let chroot = Chroot::find(&place.dir, &self.program);
        let running = match &chroot {
            Some(chroot) => api::Client::new(chroot.within(chroot::API_SOCKET)).is_running().await,
            None => Ok(false),
        };
        match (chroot, running) {
            (Some(chroot), Ok(true)) => {
                let output = Output::of_process(pid as u32);
                Ok(Some(watch(pid as u32, process, &place, chroot, output)))
            }
            (_, answer) => {
                let error = answer.err().map(|e| e.to_string());
                tracing::warn!(error, pid, "a VMM is not in order; ending it");
                place.cgroup.remove().await?;
                Ok(None)
            }
        }
    }
}

/// Sets a monitor to work.
fn watch(pid: u32, process: Pidfd, place: &Place, chroot: Chroot, output: Output) -> Vm {
    let guest = chroot.within(chroot::GUEST_SOCKET);
    // Whether the guest listens is found out by connecting.
    let (vm, side) = Vm::new(pid, process, place.clone(), GuestSocket::Vsock(guest), true);
    tokio::spawn(monitor::run(side, output, chroot));
    vm
}

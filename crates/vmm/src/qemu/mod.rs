//! Machines under QEMU's microvm type.
//!
//! QEMU gets everything as open descriptors (disks, tap, its two listening sockets) except the kernel files, which
//! are bound read-only into its root. So its root has nothing writable, its network namespace nothing but
//! loopback, and its user no file on the host. In a machine's folder:
//!
//! ```text
//!   root/        where the jail's root is mounted (in the VMM's own mount namespace; empty from outside)
//!   qmp.sock     control          guest.sock   the virtio port of the guest's agent
//! ```
//!
//! The guest channel is a virtio port and not vhost-user-vsock, which could not be kept in a snapshot.

mod accelerator;
mod args;
mod bundle;
mod launch;
mod monitor;
mod qmp;
mod snapshot;

use std::path::{Path, PathBuf};

pub(crate) use accelerator::Accelerator;
use args::Begin;
use bundle::Bundle;
use launch::LAST_WORDS;
use qmp::Qmp;

use crate::{
    JailSpec, Vm, VmSpec, VmmError, guest_socket::GuestSocket, output::Output, pidfd::Pidfd, place::Place,
};

#[derive(Debug)]
pub struct Qemu {
    accelerator: Accelerator,
    bundle: Bundle,
    /// Of the configuration.
    kernel_args: Vec<String>,
}

impl Qemu {
    /// `program` is an absolute path. Copies QEMU into `state_dir` if this one is not there yet.
    pub(crate) fn new(
        program: &Path,
        accelerator: Accelerator,
        kernel_args: Vec<String>,
        state_dir: &Path,
    ) -> Result<Self, VmmError> {
        let bundle = Bundle::prepare(program, state_dir)?;
        Ok(Self { accelerator, bundle, kernel_args })
    }

    pub(crate) fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// Names this build of QEMU.
    pub(crate) fn build(&self) -> String {
        self.bundle.root.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(crate) async fn spawn(&self, spec: &VmSpec) -> Result<Vm, VmmError> {
        let place = Place::of(&spec.jail)?;
        or_remove(&place, launch::launch(self, spec, &place, Begin::Boot).await).await
    }

    pub(crate) async fn restore(&self, spec: &VmSpec, from: &Path) -> Result<Vm, VmmError> {
        let place = Place::of(&spec.jail)?;
        let restored = async {
            let vm = launch::launch(self, spec, &place, Begin::Incoming).await?;
            match vm.load(from).await {
                Ok(()) => Ok(vm),
                Err(error) => Err(last_words(&vm, error).await),
            }
        };
        or_remove(&place, restored.await).await
    }
}

/// A QEMU that can not use a snapshot ends, and says why on its way.
async fn last_words(vm: &Vm, error: VmmError) -> VmmError {
    match tokio::time::timeout(LAST_WORDS, vm.wait_exit()).await {
        Ok(exit) => VmmError::EndedAtStart { output: exit.output },
        Err(_) => error,
    }
}

async fn or_remove(place: &Place, started: Result<Vm, VmmError>) -> Result<Vm, VmmError> {
    if started.is_err() {
        // The first error says more than one of cleaning up.
        let _ = place.remove().await;
    }
    started
}

/// Finds the QEMU of this jail, whoever started it.
pub(crate) async fn adopt(jail: &JailSpec) -> Result<Option<Vm>, VmmError> {
    let place = Place::of(jail)?;
    let Some(pid) = place.cgroup.processes().first().copied() else { return Ok(None) };
    let Ok(process) = Pidfd::open(pid as u32) else { return Ok(None) };
    if !place.cgroup.processes().contains(&pid) {
        return Ok(None);
    }
    match watch(pid as u32, process, &place, Output::of_process(pid as u32), Begin::Boot).await {
        Ok(vm) => Ok(Some(vm)),
        Err(error) => {
            tracing::warn!(%error, pid, "a VMM does not answer; ending it");
            place.cgroup.remove().await?;
            Ok(None)
        }
    }
}

/// Connects to a QEMU that starts or runs, and sets its monitor to work.
async fn watch(
    pid: u32,
    process: Pidfd,
    place: &Place,
    output: Output,
    begin: Begin,
) -> Result<Vm, VmmError> {
    let mut qmp = Qmp::connect(&qmp_socket(&place.dir)).await?;
    let state = monitor::State::query(&mut qmp).await?;
    if state.awaits_snapshot && begin == Begin::Boot {
        let reason = "its snapshot was not loaded".into();
        return Err(VmmError::Refused { command: "to run".into(), reason });
    }
    let guest = GuestSocket::Port(guest_socket(&place.dir));
    let (vm, side) = Vm::new(pid, process, place.clone(), guest, state.guest_ready);
    tokio::spawn(monitor::run(qmp, side, output, state));
    Ok(vm)
}

fn qmp_socket(dir: &Path) -> PathBuf {
    dir.join("qmp.sock")
}

fn guest_socket(dir: &Path) -> PathBuf {
    dir.join("guest.sock")
}

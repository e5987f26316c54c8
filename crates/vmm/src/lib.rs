//! Runs virtual machines, each VMM locked in a jail of its own.
//!
//! Responsible for: choosing a driver (QEMU or Firecracker), the jail (namespaces, chroot, uid, cgroup,
//! seccomp), starting, finding again after a restart, watching, suspending and ending a VMM, and the byte stream to the
//! guest. Not for: images, addresses, what is said on that stream, when to start or stop.

mod capacity;
mod cgroup;
mod config;
mod console;
mod doctor;
mod driver;
mod error;
mod firecracker;
mod guest_socket;
mod jail;
mod limits;
mod maker;
mod output;
mod pidfd;
mod place;
mod probe;
mod programs;
mod qemu;
mod select;
mod snapshot;
mod socket;
mod spec;
mod vm;

pub use capacity::Capacity;
pub use config::{DriverChoice, VmmConfig};
pub use console::CONSOLE_BYTES;
pub use doctor::{Finding, FindingState, inspect};
pub use driver::Driver;
pub use error::VmmError;
pub use firecracker::Firecracker;
pub use limits::{CpuLimit, DiskRate, Limits, TRANSLATION_CACHE_MIB};
pub use maker::Maker;
pub use qemu::Qemu;
pub use roost_netdev::{Link, LinkKind};
pub use spec::{BootFiles, Disk, JailSpec, Nic, VmSpec};
pub use vm::{ExitCause, GuestStream, Vm, VmExit};

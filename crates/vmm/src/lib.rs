//! Runs virtual machines, each VMM locked in a jail of its own.
//!
//! Responsible for: choosing a driver (QEMU or Firecracker), the jail (namespaces, chroot, uid, cgroup,
//! seccomp), starting, finding again after a restart, watching and ending a VMM, and the byte stream to the
//! guest. Not for: images, addresses, what is said on that stream, when to start or stop.

mod capacity;
mod config;
mod doctor;
mod driver;
mod error;
mod limits;
mod spec;
mod vm;

pub use capacity::Capacity;
pub use config::{DriverChoice, VmmConfig};
pub use doctor::{Finding, FindingState, inspect};
pub use driver::Driver;
pub use error::VmmError;
pub use limits::{CpuLimit, Limits, TRANSLATION_CACHE_MIB};
pub use roost_netdev::{Link, LinkKind};
pub use spec::{BootFiles, Disk, JailSpec, Nic, VmSpec};
pub use vm::{CONSOLE_BYTES, ExitCause, GuestStream, Vm, VmExit};

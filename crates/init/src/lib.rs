//! PID 1 of every guest: turns a booted kernel into a machine, and tells the host how it goes.
//!
//! One thread and one `poll` loop; no async runtime, no locks. `init` itself stays in the initramfs and
//! in the first mount namespace, where nothing that the tenant does to the image, to `/etc` or to
//! mounts can reach it; the tenant's processes live in a namespace of their own whose root is the
//! overlay of image and scratch disk.
//!
//! The modules in the order of the story:
//! - [`boot`]: kernel file systems, modules, disks.
//! - [`channel`]: the stream to the host; [`session`]: the frames on it.
//! - [`setup`]: a run configuration becomes mounts, names, addresses, files.
//! - [`process`]: users, capabilities, cgroups, terminals; fork and exec.
//! - [`logs`]: the processes' output until the host has it.
//! - [`exec`]: processes that the host runs beside the machine's own.
//! - [`api_socket`]: the machine's own way to the platform's API.
//! - [`statics`]: folders of the machine over HTTP.
//! - [`supervise`]: the loop that owns it all.
//! - [`inspect`]: what listens, what runs.
//! - [`clock`], [`entropy`]: what a guest has only from its host, also after it was suspended.
//! - [`poweroff`]: unmount and end.

pub mod api_socket;
pub mod boot;
pub mod channel;
pub mod clock;
pub mod entropy;
pub mod error;
pub mod exec;
pub mod inspect;
pub mod logs;
pub mod poweroff;
pub mod process;
pub mod session;
pub mod setup;
pub mod statics;
pub mod supervise;

pub use error::{Context, Error, Result};

/// Runs as PID 1 and never returns: ends with the machine.
pub fn run() -> ! {
    match boot::boot() {
        Ok((channel, modules)) => supervise::Supervisor::new(channel, modules).run(),
        // Without a channel there is nobody to tell but the serial console.
        Err(error) => eprintln!("roost-init: {error}"),
    }
    poweroff::power_off()
}

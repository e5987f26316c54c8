//! From the kernel's first process to a channel that waits for the host.

pub mod disks;
mod modules;

use std::{fs, path::Path};

use nix::mount::{MsFlags, mount};
use roost_guest_api::channel::PRIMED_PARAMETER;

pub use self::modules::Modules;
use crate::{
    Context, Result,
    channel::{self, Channel},
};

/// Prepares the initramfs as a place to work in and opens the channel. The modules that are left are for
/// what comes later: the host prepares its first words while they are loaded.
///
/// A guest that is primed for others does before its channel opens all that they have in common: the host
/// keeps it as it is then, and machines go on from copies.
pub fn boot() -> Result<(Channel, Modules)> {
    mount_kernel("proc", "/proc")?;
    mount_kernel("sysfs", "/sys")?;
    mount_kernel("devtmpfs", "/dev")?;
    keep_alive();
    mount_kernel("cgroup2", "/sys/fs/cgroup")?;
    let mut modules = Modules::listed();
    if is_primed() {
        modules.load_shared()?;
        return Ok((Channel::open()?, modules));
    }
    let mut has_driver = modules.is_done();
    loop {
        if has_driver && let Some(channel) = Channel::open_if_there()? {
            return Ok((channel, modules));
        }
        match modules.load_next()? {
            Some(name) => has_driver |= channel::is_driver(&name),
            // Built into the kernel, or late.
            None => return Ok((Channel::open()?, modules)),
        }
    }
}

fn is_primed() -> bool {
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    command_line.split_whitespace().any(|word| word == PRIMED_PARAMETER)
}

fn mount_kernel(kind: &str, at: &str) -> Result<()> {
    fs::create_dir_all(at).context(|| format!("make {at}"))?;
    // A kernel with CONFIG_DEVTMPFS_MOUNT has it there already; a second mount does no harm.
    mount(Some(kind), Path::new(at), Some(kind), MsFlags::MS_NOSUID, None::<&str>)
        .context(|| format!("mount {kind} at {at}"))
}

/// When memory runs out, the kernel must choose anything but PID 1, whose death is a panic.
fn keep_alive() {
    if let Err(error) = fs::write("/proc/self/oom_score_adj", "-1000") {
        eprintln!("roost-init: not protected from the OOM killer: {error}");
    }
}

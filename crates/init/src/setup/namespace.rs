//! The mount namespace of the tenant's processes.
//!
//! A copy of init's own, in which the machine's root is moved over the initramfs: so a process finds
//! nothing above its root, while init keeps its own view and can unmount everything at the end.

use std::{fs::File, os::fd::OwnedFd};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
    unistd::{chdir, chroot},
};

use super::ROOT;
use crate::{Context, Result, process::Namespace};

const CURRENT: &str = "/proc/self/ns/mnt";

pub fn make() -> Result<Namespace> {
    let inits = current()?;
    unshare(CloneFlags::CLONE_NEWNS).context(|| "make a mount namespace".into())?;
    let made = move_root().and_then(|()| chroot(".").context(|| "change the root".into()));
    // By the machine's /proc, which is the same file system as init's.
    let machines = made.and_then(|()| current());
    setns(&inits, CloneFlags::CLONE_NEWNS).context(|| "return to init's mount namespace".into())?;
    Ok(Namespace(machines?))
}

fn move_root() -> Result<()> {
    chdir(ROOT).context(|| "enter the machine's root".into())?;
    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)
        .context(|| "move the machine's root".into())
}

fn current() -> Result<OwnedFd> {
    Ok(File::open(CURRENT).context(|| format!("open {CURRENT}"))?.into())
}

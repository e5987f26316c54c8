//! A network of the test's own.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::sched::{CloneFlags, unshare};

/// Moves the calling thread, and what it starts from now on, into a fresh network namespace whose
/// only link is loopback. Use it with a current-thread runtime: sockets belong to the thread that
/// opens them. The namespace goes with its last process.
pub fn enter() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET).context("make a network namespace (tests run as root)")?;
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    ensure!(status.context("run ip: install the package iproute2")?.success(), "cannot bring up loopback");
    Ok(())
}

//! Fork and exec.
//!
//! `init` has one thread, so the child may do anything between fork and exec that a program may do;
//! what goes wrong there comes back as text through a pipe that the exec closes.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
};

use nix::{
    fcntl::OFlag,
    unistd::{ForkResult, Pid, fork, pipe2},
};

use super::{Cgroup, Command, Stdio, child};
use crate::{Context, Error, Result};

/// The mount namespace in which tenants' processes live, its root the machine's.
#[derive(Debug)]
pub struct Namespace(pub OwnedFd);

/// A process that runs.
#[derive(Debug)]
pub struct Spawned {
    pub pid: Pid,
    pub cgroup: Cgroup,
}

/// Starts `command` in a session of its own. An error says why it could not be started.
pub fn spawn(
    command: &Command,
    stdio: Stdio,
    namespace: &Namespace,
    cgroup: Cgroup,
    hostname: &str,
) -> Result<Spawned> {
    if command.argv.is_empty() {
        return Err(Error::new("there is no command to run"));
    }
    let (failure, failed) = pipe2(OFlag::O_CLOEXEC).context(|| "make a pipe".into())?;
    // SAFETY: the process has one thread.
    match unsafe { fork() }.context(|| "fork".into())? {
        ForkResult::Child => {
            let error = child::exec(command, stdio, namespace, &cgroup, hostname);
            let _init_is_gone = File::from(failed).write_all(error.to_string().as_bytes());
            // SAFETY: ends the process without running what belongs to init.
            unsafe { libc::_exit(127) }
        }
        ForkResult::Parent { child } => {
            drop((failed, stdio));
            let mut reason = String::new();
            File::from(failure).read_to_string(&mut reason).context(|| "hear from the child".into())?;
            if reason.is_empty() {
                return Ok(Spawned { pid: child, cgroup });
            }
            let _reaped = nix::sys::wait::waitpid(child, None);
            cgroup.remove();
            Err(Error::new(reason))
        }
    }
}

//! A process by descriptor: its number can be used again, the descriptor cannot.

use std::{
    future::pending,
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
};

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use tokio::io::{Interest, unix::AsyncFd};

#[derive(Debug)]
pub(crate) struct Pidfd(AsyncFd<OwnedFd>);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(i32),
    Signaled(i32),
    /// Not our child: the kernel tells only that it is gone.
    Unknown,
}

impl Pidfd {
    /// The process must be known to live, or to be an unreaped child.
    pub fn open(pid: u32) -> io::Result<Self> {
        // SAFETY: plain system call; a non-negative result is a descriptor that is ours alone.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: see above.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        // SAFETY: the descriptor is owned by the `AsyncFd` and never replaced.
        let registered = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// Waits for the end, and reaps the process if it is a child.
    pub async fn wait(&self) -> Ended {
        loop {
            // Fails only when the runtime ends: the process may live on, and nobody is left to hear of it.
            let Ok(mut guard) = self.0.readable().await else { return pending().await };
            match waitid(Id::PIDFd(self.0.as_fd()), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) {
                Ok(WaitStatus::StillAlive) => guard.clear_ready(),
                Ok(WaitStatus::Exited(_, code)) => return Ended::Exited(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => return Ended::Signaled(signal as i32),
                _ => return Ended::Unknown,
            }
        }
    }

    /// Sends SIGKILL; nothing happens if the process is gone.
    pub fn kill(&self) {
        let info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: plain system call on a descriptor that we own.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), libc::SIGKILL, info, 0) };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{runtime::Runtime, time::timeout};

    use super::*;

    #[test]
    fn the_end_of_a_runtime_is_not_the_end_of_a_process() {
        let first = Runtime::new().unwrap();
        let process = first.block_on(async { Pidfd::open(std::process::id()).unwrap() });
        drop(first);
        let waited = async { timeout(Duration::from_millis(50), process.wait()).await };
        assert!(Runtime::new().unwrap().block_on(waited).is_err(), "this process still runs");
    }
}

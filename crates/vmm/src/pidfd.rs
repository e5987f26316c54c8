//! A process by descriptor: its number can be used again, the descriptor cannot.

use std::{
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
        while let Ok(mut guard) = self.0.readable().await {
            match waitid(Id::PIDFd(self.0.as_fd()), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) {
                Ok(WaitStatus::StillAlive) => guard.clear_ready(),
                Ok(WaitStatus::Exited(_, code)) => return Ended::Exited(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => return Ended::Signaled(signal as i32),
                _ => return Ended::Unknown,
            }
        }
        Ended::Unknown
    }

    /// Sends SIGKILL; nothing happens if the process is gone.
    pub fn kill(&self) {
        let info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: plain system call on a descriptor that we own.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), libc::SIGKILL, info, 0) };
    }
}

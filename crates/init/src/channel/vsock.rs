//! A vsock listener with the host's one connection; a new connection replaces the old.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    path::Path,
};

use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, Backlog, SockFlag, SockType, VsockAddr, accept4, bind, getpeername, listen, socket,
    },
};
use roost_guest_api::channel::VSOCK_PORT;

use crate::{Context, Result};

#[derive(Debug)]
pub struct Vsock {
    listener: OwnedFd,
    host: Option<File>,
}

impl Vsock {
    /// Listens, if the machine has a vsock device by now.
    pub fn listen() -> Result<Option<Vsock>> {
        if !Path::new("/dev/vsock").exists() {
            return Ok(None);
        }
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let listener = match socket(AddressFamily::Vsock, SockType::Stream, flags, None) {
            Err(Errno::EAFNOSUPPORT) => return Ok(None),
            listener => listener.context(|| "make a vsock socket".into())?,
        };
        bind(listener.as_raw_fd(), &VsockAddr::new(libc::VMADDR_CID_ANY, VSOCK_PORT))
            .context(|| format!("bind vsock port {VSOCK_PORT}"))?;
        let backlog = Backlog::new(1).unwrap_or(Backlog::MAXCONN);
        listen(&listener, backlog).context(|| "listen on vsock".into())?;
        Ok(Some(Vsock { listener, host: None }))
    }

    pub fn poll_fds(&self, to_write: bool) -> Vec<(BorrowedFd<'_>, bool)> {
        let mut fds = vec![(self.listener.as_fd(), false)];
        fds.extend(self.host.as_ref().map(|host| (host.as_fd(), to_write)));
        fds
    }

    pub fn accept(&mut self) {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        while let Ok(fd) = accept4(self.listener.as_raw_fd(), flags) {
            // SAFETY: just accepted, and owned by nobody else.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            // Any process of the guest can dial this port over the loopback transport.
            if is_host(&fd) {
                self.host = Some(File::from(fd));
            }
        }
    }

    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(host) = &mut self.host else { return Ok(0) };
        let read = host.read(buffer);
        if matches!(&read, Ok(0)) || is_lost(&read) {
            self.host = None;
            return Ok(0);
        }
        read
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(host) = &mut self.host else { return Ok(0) };
        let written = host.write(bytes);
        if is_lost(&written) {
            self.host = None;
            return Ok(0);
        }
        written
    }
}

fn is_host(fd: &OwnedFd) -> bool {
    getpeername::<VsockAddr>(fd.as_raw_fd()).is_ok_and(|peer| peer.cid() == libc::VMADDR_CID_HOST)
}

fn is_lost(result: &io::Result<usize>) -> bool {
    result
        .as_ref()
        .is_err_and(|error| !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted))
}

//! The virtio-serial port.
//!
//! Its stream outlives the host's connections. Without a host, a read gives nothing and a write finds no
//! room, and `poll` would report a hang-up all the time: so the port is watched edge-triggered, by an
//! epoll of its own, which is what the loop polls. The driver wakes it when data or room come and when
//! a host connects or leaves.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
    path::PathBuf,
};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use roost_guest_api::channel::PORT_NAME;

use crate::{Context, Result};

#[derive(Debug)]
pub struct Port {
    file: File,
    edges: Epoll,
}

impl Port {
    /// The port of our name, if the machine has it by now.
    pub fn open() -> Result<Option<Port>> {
        let Some(device) = find() else { return Ok(None) };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open(&device)
            .context(|| format!("open {}", device.display()))?;
        let edges = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context(|| "make an epoll".into())?;
        let all = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        edges.add(&file, EpollEvent::new(all, 0)).context(|| "watch the port".into())?;
        Ok(Some(Port { file, edges }))
    }

    pub fn poll_fd(&self) -> BorrowedFd<'_> {
        self.edges.0.as_fd()
    }

    /// Takes the edge, so that the epoll is quiet until the next.
    pub fn woken(&mut self) {
        let mut events = [EpollEvent::empty()];
        // An interrupted wait leaves the edge for the next round.
        let _interrupted = self.edges.wait(&mut events, EpollTimeout::ZERO);
    }

    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }
}

fn find() -> Option<PathBuf> {
    fs::read_dir("/sys/class/virtio-ports").ok()?.flatten().find_map(|entry| {
        let name = fs::read_to_string(entry.path().join("name")).ok()?;
        let device = PathBuf::from("/dev").join(entry.file_name());
        (name.trim() == PORT_NAME && device.exists()).then_some(device)
    })
}

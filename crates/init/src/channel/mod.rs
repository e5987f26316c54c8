//! The stream of bytes to the host: a virtio-serial port where the VMM has one, else vsock.
//!
//! Both never block: a read without data and a write without room say so. What the bytes mean, and to
//! which connection of the host they belong, is for [`crate::session`].

mod port;
mod vsock;

use std::{
    io,
    os::fd::BorrowedFd,
    thread::sleep,
    time::{Duration, Instant},
};

use port::Port;
use vsock::Vsock;

use crate::{Error, Result};

/// Devices appear while `init` already runs.
const PROBE_TIME: Duration = Duration::from_secs(5);
const PROBE_PAUSE: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub enum Channel {
    Port(Port),
    Vsock(Vsock),
}

impl Channel {
    /// Opens whichever the machine has, the port first.
    pub fn open() -> Result<Channel> {
        let give_up = Instant::now() + PROBE_TIME;
        loop {
            if let Some(port) = Port::open()? {
                return Ok(Channel::Port(port));
            }
            if let Some(vsock) = Vsock::listen()? {
                return Ok(Channel::Vsock(vsock));
            }
            if Instant::now() > give_up {
                return Err(Error::new("the machine has no channel to its host"));
            }
            sleep(PROBE_PAUSE);
        }
    }

    /// What to poll for reading: ready when anything about the channel may have changed. With
    /// `to_write`, room for writing counts too.
    pub fn poll_fds(&self, to_write: bool) -> Vec<(BorrowedFd<'_>, bool)> {
        match self {
            Channel::Port(port) => vec![(port.poll_fd(), false)],
            Channel::Vsock(vsock) => vsock.poll_fds(to_write),
        }
    }

    /// To be called when `poll` reported one of the descriptors, before reading.
    pub fn woken(&mut self) {
        match self {
            Channel::Port(port) => port.woken(),
            Channel::Vsock(vsock) => vsock.accept(),
        }
    }

    /// Bytes read; 0 when there are none now.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let read = match self {
            Channel::Port(port) => port.read(buffer),
            Channel::Vsock(vsock) => vsock.read(buffer),
        };
        none_now(read, "read from")
    }

    /// Bytes written; 0 when there is no room now, or no host.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        let written = match self {
            Channel::Port(port) => port.write(bytes),
            Channel::Vsock(vsock) => vsock.write(bytes),
        };
        none_now(written, "write to")
    }
}

/// A host that is away is no error: it comes back.
fn none_now(result: io::Result<usize>, what: &str) -> usize {
    match result {
        Ok(count) => count,
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
        Err(error) => {
            eprintln!("roost-init: cannot {what} the channel: {error}");
            0
        }
    }
}

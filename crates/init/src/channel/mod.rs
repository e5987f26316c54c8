//! The stream of bytes to the host: a virtio-serial port where the VMM has one, else vsock.
//!
//! Both never block: a read without data and a write without room say so. What the bytes mean, and to
//! which connection of the host they belong, is for [`crate::session`].

mod port;
mod vsock;

use std::{
    fs, io,
    os::fd::BorrowedFd,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use port::Port;
use vsock::Vsock;

use crate::{Error, Result};

/// Devices appear while `init` already runs.
const PROBE_TIME: Duration = Duration::from_secs(5);
const PROBE_PAUSE: Duration = Duration::from_millis(5);

/// Whether this kernel module may bring a channel.
pub fn is_driver(module: &str) -> bool {
    module == "virtio_console" || module.contains("vsock")
}

#[derive(Debug)]
pub enum Channel {
    Port(Port),
    Vsock(Vsock),
}

impl Channel {
    /// Opens whichever the machine has, as soon as it is there.
    pub fn open() -> Result<Channel> {
        let give_up = Instant::now() + PROBE_TIME;
        loop {
            if let Some(channel) = Channel::open_if_there()? {
                return Ok(channel);
            }
            if Instant::now() > give_up {
                return Err(Error::new("the machine has no channel to its host"));
            }
            sleep(PROBE_PAUSE);
        }
    }

    /// Opens whichever the machine has, if its driver is ready by now.
    pub fn open_if_there() -> Result<Option<Channel>> {
        if let Some(port) = Port::open()? {
            return Ok(Some(Channel::Port(port)));
        }
        // `/dev/vsock` says nothing: it is there on every machine whose kernel knows vsock.
        match vsock_device() {
            Some(device) if device.join("driver").exists() => Ok(Vsock::listen()?.map(Channel::Vsock)),
            _ => Ok(None),
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

/// Virtio's number for a vsock device.
const VSOCK_DEVICE: &str = "0x0013";

/// Whether the machine's VMM gave it a vsock device, driven or not.
pub fn has_vsock_device() -> bool {
    vsock_device().is_some()
}

fn vsock_device() -> Option<PathBuf> {
    let devices = fs::read_dir("/sys/bus/virtio/devices").ok()?.flatten().map(|device| device.path());
    let number = |device: &PathBuf| fs::read_to_string(device.join("device")).unwrap_or_default();
    devices.into_iter().find(|device| number(device).trim() == VSOCK_DEVICE)
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

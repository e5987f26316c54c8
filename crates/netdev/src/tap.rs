//! Tap interfaces (Linux `Documentation/networking/tuntap.rst`).

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt},
};

use nix::libc;

nix::ioctl_write_int!(tun_set_iff, b'T', 202);
nix::ioctl_write_int!(tun_set_persist, b'T', 203);

/// As `struct ifreq` of if.h: the name, then a union of which only the flags are used.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    flags: i16,
    rest: [u8; 22],
}

/// Whether an interface outlives the descriptor that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    Descriptor,
    Namespace,
}

/// Makes a tap in the calling thread's network namespace. Frames carry a virtio header, so that a VMM can
/// hand them over without computing checksums.
pub(crate) fn create(name: &str, lifetime: Lifetime) -> io::Result<OwnedFd> {
    let tun = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")
        .map_err(|e| io::Error::new(e.kind(), format!("/dev/net/tun: {e}")))?;
    let mut request = InterfaceRequest {
        name: [0; libc::IFNAMSIZ],
        flags: (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as i16,
        rest: [0; 22],
    };
    if name.len() >= libc::IFNAMSIZ {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    let fd = std::os::fd::AsRawFd::as_raw_fd(&tun);
    // SAFETY: the request has the size and layout that the kernel reads, and outlives the call.
    unsafe { tun_set_iff(fd, (&raw mut request) as libc::c_ulong) }?;
    if lifetime == Lifetime::Namespace {
        // SAFETY: takes a plain number.
        unsafe { tun_set_persist(fd, 1) }?;
    }
    Ok(tun.into())
}

//! The kernel's random numbers, which a guest must not go on with whose memory was on a disk: it may be loaded
//! twice.

use std::{fs::File, os::fd::AsRawFd};

use base64::{Engine, prelude::BASE64_STANDARD};
use nix::errno::Errno;

/// As many as the kernel keeps in its own pool.
const BYTES: usize = 64;

/// Argument of `RNDADDENTROPY` (random(4)): bits that it is worth, and the bytes.
#[repr(C)]
struct PoolInfo {
    bits: libc::c_int,
    size: libc::c_int,
    bytes: [u8; BYTES],
}

nix::ioctl_write_ptr_bad!(add_entropy, nix::request_code_write!(b'R', 0x03, 8), PoolInfo);
nix::ioctl_none!(reseed_now, b'R', 0x07);

/// Mixes fresh bytes in and makes the kernel use them from now on; processes that draw their own numbers from an
/// earlier seed are told nothing. `fresh` is base64.
pub fn reseed(fresh: &str) {
    let decoded = BASE64_STANDARD.decode(fresh).map_err(std::io::Error::other);
    if let Err(error) = decoded.and_then(|fresh| try_reseed(&fresh)) {
        eprintln!("roost-init: the random number generator cannot be reseeded: {error}");
    }
}

fn try_reseed(fresh: &[u8]) -> std::io::Result<()> {
    let urandom = File::options().write(true).open("/dev/urandom")?;
    let used = fresh.len().min(BYTES);
    let mut pool = PoolInfo { bits: used as libc::c_int * 8, size: used as libc::c_int, bytes: [0; BYTES] };
    pool.bytes[..used].copy_from_slice(&fresh[..used]);
    // SAFETY: reads a struct that lives through the call and says how long it is.
    unsafe { add_entropy(urandom.as_raw_fd(), &raw const pool) }?;
    // SAFETY: takes no argument.
    match unsafe { reseed_now(urandom.as_raw_fd()) } {
        // Kernels before 4.14 reseed by themselves after the first call.
        Err(Errno::EINVAL | Errno::ENOTTY) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

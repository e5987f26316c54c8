//! What a tenant's root may do: Docker's default capability set. The kernel is the tenant's own, so this
//! protects no other tenant; it makes images behave as they do elsewhere, and keeps an app from
//! unmounting its machine's disks or loading modules by accident.

use nix::errno::Errno;

use crate::{Context, Result};

/// Numbers of `linux/capability.h`.
const DEFAULT: [u32; 14] = [
    0,  // CHOWN
    1,  // DAC_OVERRIDE
    3,  // FOWNER
    4,  // FSETID
    5,  // KILL
    6,  // SETGID
    7,  // SETUID
    8,  // SETPCAP
    10, // NET_BIND_SERVICE
    13, // NET_RAW
    18, // SYS_CHROOT
    27, // MKNOD
    29, // AUDIT_WRITE
    31, // SETFCAP
];

/// Above the highest number of any kernel.
const NUMBERS: u32 = 64;

/// Takes everything but the default set out of the bounding set: it cannot be regained by an exec.
/// Root's own set follows from it at the next exec, anyone else's is empty.
pub fn limit() -> Result<()> {
    for number in (0..NUMBERS).filter(|number| !DEFAULT.contains(number)) {
        // SAFETY: a prctl without pointers.
        let dropped = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(number), 0, 0, 0) };
        match Errno::result(dropped) {
            // This kernel has fewer.
            Err(Errno::EINVAL) => break,
            result => result.context(|| format!("drop capability {number}"))?,
        };
    }
    Ok(())
}

//! The end: everything on disk, then off.

use std::fs;

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::reboot::{RebootMode, reboot},
    unistd::sync,
};

use crate::setup::{IMAGE, ROOT, SCRATCH};

/// Unmounts and ends the machine. All processes must be gone.
pub fn power_off() -> ! {
    sync();
    turn_off_swap();
    unmount_all();
    end()
}

fn turn_off_swap() {
    if let Ok(path) = std::ffi::CString::new(format!("{SCRATCH}/swap")) {
        // SAFETY: a C string that lives through the call. No swap is an error that does not matter.
        let _none = unsafe { libc::swapoff(path.as_ptr()) };
    }
}

/// Innermost first. What cannot be unmounted is made read-only, which is as good for a disk.
fn unmount_all() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let ours = mounts.lines().rev().filter_map(|line| line.split(' ').nth(1)).filter(|at| is_ours(at));
    for at in ours {
        // The kernel writes spaces in this file in octal.
        let at = at.replace("\\040", " ");
        if umount2(at.as_str(), MntFlags::empty()).is_err() {
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
            if let Err(error) = mount(None::<&str>, at.as_str(), None::<&str>, flags, None::<&str>) {
                eprintln!("roost-init: {at} is neither unmounted nor read-only: {error}");
            }
        }
    }
}

fn is_ours(at: &str) -> bool {
    [ROOT, SCRATCH, IMAGE].iter().any(|ours| at == *ours || at.starts_with(&format!("{ours}/")))
        || at == format!("{SCRATCH}-run")
}

/// A restart, which a VMM is told to take for the end: unlike a power-off, it needs no ACPI. The kernel
/// takes the way that its command line names (`reboot=`), or tries what it has.
fn end() -> ! {
    let error = reboot(RebootMode::RB_AUTOBOOT);
    eprintln!("roost-init: the kernel refuses to restart: {error:?}");
    // The end of PID 1 is a panic, which ends the machine too.
    std::process::exit(1)
}

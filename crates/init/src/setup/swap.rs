//! Swap, in a file of the scratch disk.

use std::{
    fs::{self, File, OpenOptions},
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
};

use nix::errno::Errno;

use super::SCRATCH;
use crate::{Context, Result};

const PAGE: u64 = 4096;

/// 0 MiB: none.
pub fn enable(mib: u32) -> Result<()> {
    if mib == 0 {
        return Ok(());
    }
    let path = format!("{SCRATCH}/swap");
    // An old one may have another size.
    let _none = fs::remove_file(&path);
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .context(|| format!("make {path}"))?;
    let bytes = u64::from(mib) << 20;
    fill(&file, bytes).context(|| format!("reserve {mib} MiB of swap on the scratch disk"))?;
    let name = std::ffi::CString::new(path).context(|| "name the swap file".into())?;
    // SAFETY: a C string that lives through the call.
    let result = unsafe { libc::swapon(name.as_ptr(), 0) };
    Errno::result(result).context(|| "turn on swap".into())?;
    Ok(())
}

/// Space without holes, and the header of `mkswap`: the kernel's `union swap_header`, version 1.
fn fill(file: &File, bytes: u64) -> std::io::Result<()> {
    let length = i64::try_from(bytes).unwrap_or(i64::MAX);
    // SAFETY: the descriptor is open.
    let result = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) };
    Errno::result(result)?;
    let last_page = u32::try_from(bytes / PAGE - 1).unwrap_or(u32::MAX);
    file.write_all_at(&1u32.to_le_bytes(), 1024)?;
    file.write_all_at(&last_page.to_le_bytes(), 1028)?;
    file.write_all_at(b"SWAPSPACE2", PAGE - 10)?;
    file.sync_all()
}

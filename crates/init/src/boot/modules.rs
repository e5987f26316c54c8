//! The kernel's modules, as many as the initramfs brings.

use std::{fs, fs::File, os::fd::AsRawFd};

use crate::{Context, Error, Result};

/// A name a line, in the order in which they are to be loaded.
const LIST: &str = "/modules/list";

/// Loads every module of the list, then gives their files' memory back.
pub fn load_all() -> Result<()> {
    let Ok(list) = fs::read_to_string(LIST) else {
        // A kernel that has everything built in.
        return Ok(());
    };
    for name in list.lines() {
        let path = format!("/modules/{name}.ko");
        load(&path)?;
        let _memory_only = fs::remove_file(&path);
    }
    Ok(())
}

fn load(path: &str) -> Result<()> {
    let file = File::open(path).context(|| format!("open {path}"))?;
    // SAFETY: the descriptor is open and the parameters are a valid empty C string.
    let result = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
    let error = std::io::Error::last_os_error();
    if result == 0 || error.raw_os_error() == Some(libc::EEXIST) {
        return Ok(());
    }
    Err(Error::new(format!("load the kernel module {path}: {error}")))
}

//! A machine's memory and devices, kept in a folder while no VMM of it runs.
//!
//! ```text
//!   <folder>/state     QEMU: everything, as one stream      Firecracker: devices
//!   <folder>/memory                                         Firecracker: the guest's memory
//! ```
//!
//! The folder is the caller's and root's alone. It is good for one resume: once the guest has run on,
//! its disks are ahead of what was kept.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    unistd::pipe2,
};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use crate::{VmmError, error::Context};

/// State of devices, page headers and tables beside the guest's memory.
const STATE_BYTES: u64 = 64 << 20;

/// Most bytes that a machine of this size may write, whoever took its VMM over.
pub(crate) fn most_bytes(memory_mib: u32) -> u64 {
    let memory = u64::from(memory_mib) << 20;
    // QEMU puts 8 bytes before each page of 4 KiB.
    memory + memory / 256 + STATE_BYTES
}

pub(crate) fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}

pub(crate) fn memory(folder: &Path) -> PathBuf {
    folder.join("memory")
}

/// Bytes on disk that the files of a snapshot take.
pub(crate) fn size(folder: &Path) -> io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.blocks() * 512)).sum()
}

/// A pipe whose other end is a file: the VMM never holds the file itself. Newer versions of QEMU take no plain
/// file where a stream is meant.
pub(crate) struct Stream {
    copy: JoinHandle<io::Result<()>>,
}

/// Moved between pipe and file at once, so that neither side waits often.
const PIPE_BYTES: libc::c_int = 1 << 20;

impl Stream {
    /// What is written into the descriptor lands in a new file; past `limit` bytes nothing is taken.
    pub fn into_file(path: &Path, limit: u64) -> Result<(Self, OwnedFd), VmmError> {
        let doing = || format!("making {}", path.display());
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path).context(doing)?;
        let (read, write) = pipe().context(|| "making a pipe".into())?;
        let copy = spawn_blocking(move || {
            let mut source = File::from(read).take(limit);
            io::copy(&mut source, &mut file)?;
            if source.limit() == 0 { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
        });
        Ok((Self { copy }, write))
    }

    /// The file's content can be read from the descriptor.
    pub fn of_file(path: &Path) -> Result<(Self, OwnedFd), VmmError> {
        let mut file = File::open(path).context(|| format!("opening {}", path.display()))?;
        let (read, write) = pipe().context(|| "making a pipe".into())?;
        let copy = spawn_blocking(move || io::copy(&mut file, &mut File::from(write)).map(drop));
        Ok((Self { copy }, read))
    }

    /// Waits until everything went through; a VMM that keeps its end open is waited for so long.
    pub async fn end(self, limit: Duration) -> Result<(), VmmError> {
        let ended = timeout(limit, self.copy).await.map_err(|_| VmmError::NoAnswer { after: limit })?;
        ended.unwrap_or_else(|panic| Err(panic.into())).context(|| "copying a machine's memory".into())
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    // Refused to users past their quota; then it is smaller.
    let _ = fcntl(&write, FcntlArg::F_SETPIPE_SZ(PIPE_BYTES));
    Ok((read, write))
}

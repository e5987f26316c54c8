//! What can be wrong with a kernel; each message says what to do.

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    #[error("there is no kernel for guests in /boot; install one: apt-get install linux-image-cloud-amd64")]
    NoKernel,
    #[error("{} cannot be used: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is neither a bzImage nor an ELF file", path.display())]
    NotAKernel { path: PathBuf },
    #[error("the kernel {} is compressed in a way that is not known here (gzip, xz, zstd and lz4 are)", path.display())]
    Compression { path: PathBuf },
    #[error("the kernel {} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("the kernel {} cannot be booted as an ELF file: it lacks a PVH entry (CONFIG_PVH)", path.display())]
    NoPvh { path: PathBuf },
    #[error(
        "the kernel {version} has no {module}, neither built in nor in /lib/modules/{version}; install a complete \
         one: apt-get install linux-image-cloud-amd64"
    )]
    MissingModule { version: String, module: String },
}

impl KernelError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> KernelError {
        let path = path.into();
        move |source| KernelError::Io { path, source }
    }
}

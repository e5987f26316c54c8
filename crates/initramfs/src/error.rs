use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    #[error("no kernel for guests in /boot; install one: apt-get install linux-image-cloud-amd64")]
    NoKernel,
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

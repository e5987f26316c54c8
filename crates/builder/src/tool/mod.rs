//! The builders' command lines, a file each.

pub(crate) mod buildah;
pub(crate) mod buildctl;
pub(crate) mod docker;
mod secrets;

use secrets::SecretFiles;

/// Machines are of this platform.
const PLATFORM: &str = "linux/amd64";

//! Which file is the kernel.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{KernelError, KernelSource};

const BOOT: &str = "/boot";

/// How distributions name kernels that are made for virtual machines.
const CLOUD: [&str; 3] = ["-cloud-amd64", "-kvm", "-virt"];

pub fn find(source: &KernelSource) -> Result<PathBuf, KernelError> {
    match source {
        KernelSource::File(path) => Ok(path.clone()),
        KernelSource::Distribution => best_in(Path::new(BOOT)).ok_or(KernelError::NoKernel),
    }
}

/// A cloud kernel before others, then the newest.
fn best_in(boot: &Path) -> Option<PathBuf> {
    let names = fs::read_dir(boot).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| name.starts_with("vmlinuz-"))
        .max_by_key(|name| (CLOUD.iter().any(|suffix| name.ends_with(suffix)), numbers(name)))
        .map(|name| boot.join(name))
}

/// `6.1.0-9` is older than `6.1.0-56`.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|letter: char| !letter.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_kernel_wins_and_then_the_newest() {
        let boot = tempfile::tempdir().unwrap();
        let best = || best_in(boot.path()).map(|path| path.file_name().unwrap().to_owned());
        assert_eq!(best(), None);
        for name in ["config-6.1.0-9-cloud-amd64", "vmlinuz-6.12.1-amd64"] {
            fs::write(boot.path().join(name), "").unwrap();
        }
        assert_eq!(best().unwrap(), "vmlinuz-6.12.1-amd64");
        for name in ["vmlinuz-6.1.0-9-cloud-amd64", "vmlinuz-6.1.0-56-cloud-amd64"] {
            fs::write(boot.path().join(name), "").unwrap();
        }
        assert_eq!(best().unwrap(), "vmlinuz-6.1.0-56-cloud-amd64");
    }
}

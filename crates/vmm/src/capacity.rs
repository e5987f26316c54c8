//! What a host has to give.

use std::{io, path::Path};

use nix::{sys::statvfs::statvfs, unistd::SysconfVar};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub cpus: u32,
    pub memory_mib: u64,
    /// Free on the file system of the data folder.
    pub disk_mib: u64,
}

impl Capacity {
    /// Of this host, with the machines' disks in `data`.
    pub fn probe(data: &Path) -> io::Result<Self> {
        let sysconf = |var| Ok::<u64, io::Error>(nix::unistd::sysconf(var)?.unwrap_or(0).max(0) as u64);
        let memory = sysconf(SysconfVar::_PHYS_PAGES)? * sysconf(SysconfVar::PAGE_SIZE)?;
        let disk = statvfs(data)?;
        Ok(Self {
            cpus: sysconf(SysconfVar::_NPROCESSORS_ONLN)?.max(1) as u32,
            memory_mib: memory >> 20,
            disk_mib: (disk.blocks_available() * disk.fragment_size()) >> 20,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_something() {
        let capacity = Capacity::probe(Path::new("/")).unwrap();
        assert!(capacity.cpus >= 1 && capacity.memory_mib > 16);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        assert!(Capacity::probe(Path::new("/no/such/folder")).is_err());
    }
}

//! The memory of suspended machines on this host's disk: where it is, when it is whole, and how much of the
//! disk all of it may take.
//!
//! ```text
//!   machines/<id>/memory.new/   being written           machines/<id>/memory/   whole
//! ```
//!
//! Whether the whole one is there says all: it is made by a rename, and removed before the guest that was
//! loaded from it runs. So it is good for one resume, however often the host dies in between.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use roost_model::MachineId;

use crate::{config::HostConfig, place};

/// Whole memory, or where it will be.
pub fn whole(config: &HostConfig, id: &MachineId) -> PathBuf {
    place::folder(config, id).join("memory")
}

/// Memory that is being written.
pub fn unfinished(config: &HostConfig, id: &MachineId) -> PathBuf {
    place::folder(config, id).join("memory.new")
}

/// An empty folder that only root can enter.
pub fn make_empty(folder: &Path) -> io::Result<()> {
    remove_folder(folder)?;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

/// Fine if there is none.
pub fn remove(config: &HostConfig, id: &MachineId) -> io::Result<()> {
    remove_folder(&whole(config, id))?;
    remove_folder(&unfinished(config, id))
}

/// Bytes on disk.
pub fn size(folder: &Path) -> io::Result<u64> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.blocks() * 512)).sum()
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Why a machine's memory can not be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    #[error(
        "suspended machines may take {most_mib} MiB of this host's disk ([host] suspended_disk_mib), and \
             {taken_mib} MiB of that are taken"
    )]
    Limit { most_mib: u64, taken_mib: u64 },
    #[error("{needed_mib} MiB are needed on the host's disk, and {free_mib} MiB are free")]
    Disk { needed_mib: u64, free_mib: u64 },
}

/// The books of that disk space. A cheap handle.
#[derive(Clone)]
pub struct Shelf(Arc<Shared>);

struct Shared {
    most_mib: u64,
    taken_mib: Mutex<HashMap<MachineId, u64>>,
}

/// Room on the shelf, until this is dropped.
pub struct Room {
    shelf: Shelf,
    id: MachineId,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shelf.lock().remove(&self.id);
    }
}

impl Shelf {
    pub fn new(most_mib: u64) -> Self {
        Self(Arc::new(Shared { most_mib, taken_mib: Mutex::default() }))
    }

    /// Room for a machine that is about to be suspended: all that its memory can take.
    pub fn take(&self, id: &MachineId, memory_mib: u64, free_mib: u64) -> Result<Room, NoRoom> {
        let mut taken = self.lock();
        let taken_mib = taken.values().sum::<u64>();
        if taken_mib + memory_mib > self.0.most_mib {
            return Err(NoRoom::Limit { most_mib: self.0.most_mib, taken_mib });
        }
        if memory_mib > free_mib {
            return Err(NoRoom::Disk { needed_mib: memory_mib, free_mib });
        }
        taken.insert(id.clone(), memory_mib);
        drop(taken);
        Ok(Room { shelf: self.clone(), id: id.clone() })
    }

    /// The room of memory that is there already, whatever is free.
    pub fn taken(&self, id: &MachineId, bytes: u64) -> Room {
        self.lock().insert(id.clone(), bytes.div_ceil(1 << 20));
        Room { shelf: self.clone(), id: id.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MachineId, u64>> {
        self.0.taken_mib.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// What the memory really takes.
    pub fn shrink(&self, bytes: u64) {
        self.shelf.lock().insert(self.id.clone(), bytes.div_ceil(1 << 20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shelf_is_bounded_and_room_comes_back() {
        let shelf = Shelf::new(600);
        let (a, b, c) = (MachineId::generate(), MachineId::generate(), MachineId::generate());
        let first = shelf.take(&a, 256, 10_000).unwrap();
        let _second = shelf.take(&b, 256, 10_000).unwrap();
        assert_eq!(shelf.take(&c, 256, 10_000).err(), Some(NoRoom::Limit { most_mib: 600, taken_mib: 512 }));
        first.shrink(50 << 20);
        assert_eq!(shelf.take(&c, 256, 100).err(), Some(NoRoom::Disk { needed_mib: 256, free_mib: 100 }));
        let third = shelf.take(&c, 256, 10_000).unwrap();
        drop((first, third));
        assert!(shelf.take(&c, 300, 10_000).is_ok());
    }
}

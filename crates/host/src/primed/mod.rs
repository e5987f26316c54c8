//! Primed guests: each has booted as far as its channel, before it knew which machine it would be, and is kept.
//! Machines of its kind start from a copy of it, which takes less than half the time of a boot.
//!
//! ```text
//!   a machine boots from nothing ──► its kind is wanted ── the host is quiet ──► make.rs ──► kept
//!                                                                                             │
//!   a machine of the kind starts ◄── from <dir>/<number>/ ◄───────────────────────────────────┘
//! ```
//!
//! Nothing of it outlives the host's process: what another one kept may not fit this one's VMM, kernel or
//! configuration. Nothing depends on it: a copy that fails is no worse than none, and its kind is given up.

mod make;

use std::{
    collections::{HashSet, VecDeque},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use roost_vmm::VmSpec;
use tokio::sync::Notify;

pub use make::{clean, run};

/// Larger guests gain little: what QEMU reads of them grows with their memory, empty or not.
const MOST_MEMORY_MIB: u32 = 2048;

/// Kinds that wait to be primed; more are wanted again later.
const MOST_WANTED: usize = 16;

/// All that a guest knows of its machine when its channel opens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kind {
    vcpus: u32,
    memory_mib: u32,
    /// Of each disk, whether it is read-only.
    disks: Vec<bool>,
}

impl Kind {
    /// None: a machine that is not worth it, or has a kernel command line of its own.
    pub fn of(spec: &VmSpec) -> Option<Self> {
        let ordinary = spec.kernel_args.is_empty() && spec.memory_mib <= MOST_MEMORY_MIB;
        ordinary.then(|| Self {
            vcpus: spec.vcpus,
            memory_mib: spec.memory_mib,
            disks: spec.disks.iter().map(|disk| disk.read_only).collect(),
        })
    }
}

/// Those that are kept, and those that are wanted.
pub struct PrimedGuests {
    /// Most at a time; 0: none, ever.
    most: usize,
    books: Mutex<Books>,
    wanted: Notify,
}

#[derive(Default)]
struct Books {
    kept: Vec<Kept>,
    wanted: VecDeque<Kind>,
    /// Of which a copy did not run.
    given_up: HashSet<Kind>,
}

struct Kept {
    kind: Kind,
    folder: PathBuf,
    used: Instant,
}

impl PrimedGuests {
    pub fn new(most: usize) -> Self {
        Self { most, books: Mutex::default(), wanted: Notify::new() }
    }

    /// What a machine of this kind can start from.
    pub fn find(&self, kind: &Kind) -> Option<PathBuf> {
        let mut books = self.lock();
        let kept = books.kept.iter_mut().find(|kept| kept.kind == *kind)?;
        kept.used = Instant::now();
        Some(kept.folder.clone())
    }

    /// A machine of this kind had to boot.
    pub fn want(&self, kind: Kind) {
        let mut books = self.lock();
        let known = books.given_up.contains(&kind) || books.wanted.contains(&kind);
        if self.most > 0 && !known && books.wanted.len() < MOST_WANTED {
            books.wanted.push_back(kind);
            self.wanted.notify_one();
        }
    }

    /// A copy of it does not run: there will be none of this kind again.
    pub fn give_up(&self, kind: &Kind) {
        let mut books = self.lock();
        books.given_up.insert(kind.clone());
        let old = books.kept.iter().position(|kept| kept.kind == *kind).map(|at| books.kept.remove(at));
        drop(books);
        old.iter().for_each(Kept::remove);
    }

    async fn next_wanted(&self) -> Kind {
        loop {
            if let Some(kind) = self.lock().wanted.pop_front() {
                return kind;
            }
            self.wanted.notified().await;
        }
    }

    /// In place of the one that was not used for longest, where there are many.
    fn keep(&self, kind: Kind, folder: PathBuf) {
        let mut books = self.lock();
        let mut old = Vec::new();
        while books.kept.len() >= self.most {
            let Some((at, _)) = books.kept.iter().enumerate().min_by_key(|(_, kept)| kept.used) else {
                break;
            };
            old.push(books.kept.remove(at));
        }
        books.kept.push(Kept { kind, folder, used: Instant::now() });
        drop(books);
        old.iter().for_each(Kept::remove);
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// A start that has it open still reads all of it.
    fn remove(&self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "a primed guest was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(memory_mib: u32) -> Kind {
        Kind { vcpus: 1, memory_mib, disks: vec![true, false] }
    }

    #[test]
    fn few_are_kept_and_the_one_used_last_stays() {
        let dir = tempfile::tempdir().unwrap();
        let guests = PrimedGuests::new(2);
        let folders: Vec<_> = (0..3).map(|number| dir.path().join(number.to_string())).collect();
        for (number, folder) in folders.iter().enumerate() {
            std::fs::create_dir(folder).unwrap();
            guests.keep(kind(256 * (number as u32 + 1)), folder.clone());
            assert!(guests.find(&kind(256)).is_some());
        }
        assert_eq!(guests.find(&kind(512)), None);
        assert!(!folders[1].exists() && folders[2].exists());
        guests.give_up(&kind(256));
        assert!(guests.find(&kind(256)).is_none() && !folders[0].exists());
        guests.want(kind(256));
        guests.want(kind(1024));
        let wanted = next(&guests);
        assert_eq!(wanted, kind(1024), "what was given up is not tried again");
    }

    fn next(guests: &PrimedGuests) -> Kind {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(guests.next_wanted())
    }
}

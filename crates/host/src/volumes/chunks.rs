//! The contents of snapshots: pieces of disks, each kept once under the digest of what is in it, and for
//! each snapshot the list of its pieces. What did not change between two snapshots is stored once, and
//! zeros are not stored at all. All of it blocks.
//!
//! Not responsible for: what a snapshot is, and when its pieces may go (`snapshot`, `sweep`).

use std::{
    collections::HashSet,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::{errno::Errno, unistd::Whence};
use roost_model::SnapshotId;
use sha2::{Digest as _, Sha256};

/// A small change of a volume costs one piece; the list of a full 500 GB volume has half a million.
const CHUNK: u64 = 1 << 20;

/// First words of a list of contents; the number is the version of its format.
const HEADER: &str = "roost-snapshot 1";

type Sha = [u8; 32];

#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    #[error("{what} failed: {source}")]
    Io { what: &'static str, source: io::Error },
    #[error("the snapshot is damaged: {0}")]
    Damaged(String),
    /// Whoever asked for the copy wants it no more.
    #[error("the copy was broken off")]
    BrokenOff,
    #[error(transparent)]
    Disk(#[from] super::disk::DiskError),
}

/// What a disk held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Pieces that are not all zero, by their number, in order.
    chunks: Vec<(u64, Sha)>,
    pub stored_bytes: u64,
}

#[derive(Debug, Clone)]
pub struct ChunkStore {
    chunks: PathBuf,
    lists: PathBuf,
}

impl ChunkStore {
    pub fn open(dir: &Path) -> io::Result<Self> {
        let store = Self { chunks: dir.join("chunks"), lists: dir.join("lists") };
        for folder in [&store.chunks, &store.lists] {
            use std::os::unix::fs::DirBuilderExt;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        Ok(store)
    }

    /// Stores what `disk` holds. `go_on` is asked before each piece.
    pub fn take(&self, disk: &File, mut go_on: impl FnMut() -> bool) -> Result<Contents, ChunkError> {
        let length = disk.metadata().map_err(io_error("looking at the volume's disk"))?.len();
        let mut contents = Contents { chunks: Vec::new(), stored_bytes: 0 };
        let mut buffer = vec![0; CHUNK as usize];
        let mut at = 0;
        while let Some(data) = next_data(disk, at).map_err(io_error("reading the volume's disk"))? {
            if !go_on() {
                return Err(ChunkError::BrokenOff);
            }
            let number = data / CHUNK;
            at = (number + 1) * CHUNK;
            let piece = &mut buffer[..CHUNK.min(length - number * CHUNK) as usize];
            disk.read_exact_at(piece, number * CHUNK).map_err(io_error("reading the volume's disk"))?;
            if piece.iter().any(|byte| *byte != 0) {
                contents.chunks.push((number, self.put(piece)?));
                contents.stored_bytes += piece.len() as u64;
            }
        }
        Ok(contents)
    }

    /// Writes the list of a snapshot whose pieces are there, and sees to it that all of it survives the
    /// loss of power. Gives the digest of the list.
    pub fn seal(&self, id: &SnapshotId, contents: &Contents) -> Result<String, ChunkError> {
        let mut text = format!("{HEADER}\n");
        for (number, sha) in &contents.chunks {
            let _ = writeln!(text, "{number} {}", hex::encode(sha));
        }
        // Before the list: what it names is there.
        self.flush()?;
        write_new(&self.list(id), text.as_bytes()).map_err(io_error("writing a snapshot's list"))?;
        self.flush()?;
        Ok(digest_of(text.as_bytes()))
    }

    /// The list of a snapshot, if it is what was sealed.
    pub fn open_list(&self, id: &SnapshotId, digest: &str) -> Result<Contents, ChunkError> {
        let text = fs::read(self.list(id)).map_err(io_error("reading a snapshot's list"))?;
        if digest_of(&text) != digest {
            return Err(ChunkError::Damaged(format!("the list of snapshot {id} is not what was written")));
        }
        let chunks = read_list(text, id)?;
        Ok(Contents { stored_bytes: chunks.len() as u64 * CHUNK, chunks })
    }

    /// Writes what a snapshot holds into an empty disk of at least its size.
    pub fn restore(&self, contents: &Contents, disk: &File) -> Result<(), ChunkError> {
        for (number, sha) in &contents.chunks {
            let piece = fs::read(self.chunk(sha)).map_err(io_error("reading a piece of a snapshot"))?;
            if <Sha>::from(Sha256::digest(&piece)) != *sha {
                return Err(ChunkError::Damaged(format!(
                    "piece {} is not what was written",
                    hex::encode(sha)
                )));
            }
            disk.write_all_at(&piece, number * CHUNK).map_err(io_error("writing the volume's disk"))?;
        }
        Ok(())
    }

    /// Removes a list; fine if there is none.
    pub fn remove_list(&self, id: &SnapshotId) -> Result<(), ChunkError> {
        match fs::remove_file(self.list(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("removing a snapshot's list")(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the pieces that no list names. Nothing may be taken meanwhile. Gives the bytes that it freed.
    pub fn collect(&self) -> Result<u64, ChunkError> {
        let mut needed: HashSet<Sha> = HashSet::new();
        for list in files(&self.lists).filter(|path| path.extension().is_none()) {
            let text = fs::read(&list).map_err(io_error("reading a snapshot's list"))?;
            needed.extend(read_list(text, &list.display())?.into_iter().map(|(_, sha)| sha));
        }
        let mut freed = 0;
        for path in files(&self.chunks).flat_map(|folder| files(&folder)) {
            if sha_of(&path).is_none_or(|sha| !needed.contains(&sha)) {
                freed += path.metadata().map_or(0, |metadata| metadata.len());
                fs::remove_file(&path).map_err(io_error("removing a piece of a snapshot"))?;
            }
        }
        Ok(freed)
    }

    fn put(&self, piece: &[u8]) -> Result<Sha, ChunkError> {
        let sha = Sha::from(Sha256::digest(piece));
        let path = self.chunk(&sha);
        if !path.exists() {
            let put = || {
                fs::create_dir_all(path.parent().unwrap_or(&self.chunks))?;
                write_new(&path, piece)
            };
            put().map_err(io_error("writing a piece of a snapshot"))?;
        }
        Ok(sha)
    }

    fn flush(&self) -> Result<(), ChunkError> {
        let flushed = File::open(&self.chunks).and_then(|folder| {
            use std::os::fd::AsRawFd;
            // SAFETY: the descriptor is open.
            Errno::result(unsafe { libc::syncfs(folder.as_raw_fd()) }).map(drop).map_err(io::Error::from)
        });
        flushed.map_err(io_error("flushing a snapshot"))
    }

    fn chunk(&self, sha: &Sha) -> PathBuf {
        let name = hex::encode(sha);
        self.chunks.join(&name[..2]).join(&name)
    }

    fn list(&self, id: &SnapshotId) -> PathBuf {
        self.lists.join(id.as_str())
    }
}

fn digest_of(text: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

fn read_list(text: Vec<u8>, name: &dyn std::fmt::Display) -> Result<Vec<(u64, Sha)>, ChunkError> {
    let damaged = |what: &str| ChunkError::Damaged(format!("the list {name} {what}"));
    let text = String::from_utf8(text).map_err(|_| damaged("is no text"))?;
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return Err(damaged("is of another version of Roost"));
    }
    lines.map(entry).collect::<Option<Vec<_>>>().ok_or_else(|| damaged("can not be read"))
}

/// `number digest`.
fn entry(line: &str) -> Option<(u64, Sha)> {
    let (number, sha) = line.split_once(' ')?;
    Some((number.parse().ok()?, hex::decode(sha).ok()?.try_into().ok()?))
}

fn sha_of(path: &Path) -> Option<Sha> {
    hex::decode(path.file_name()?.to_str()?).ok()?.try_into().ok()
}

/// A file that is there whole or not at all.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    fs::rename(&unfinished, path)
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Where data begins from `at` on; `None` when there is only a hole.
fn next_data(file: &File, at: u64) -> io::Result<Option<u64>> {
    match nix::unistd::lseek(file, at as i64, Whence::SeekData) {
        Ok(at) => Ok(Some(at as u64)),
        Err(Errno::ENXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> ChunkError {
    move |source| ChunkError::Io { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 8 * CHUNK + 4096;

    fn disk(dir: &Path, name: &str) -> File {
        let path = dir.join(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        file.set_len(SIZE).unwrap();
        file
    }

    fn whole(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; SIZE as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn stored(store: &ChunkStore) -> usize {
        files(&store.chunks).flat_map(|folder| files(&folder)).count()
    }

    #[test]
    fn what_did_not_change_is_stored_once_and_every_snapshot_comes_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let store = ChunkStore::open(dir.path()).unwrap();
        let (disk, ids) = (disk(dir.path(), "disk"), [SnapshotId::generate(), SnapshotId::generate()]);
        disk.write_all_at(b"one", 5).unwrap();
        disk.write_all_at(b"two", 3 * CHUNK - 1).unwrap();
        disk.write_all_at(b"end", SIZE - 3).unwrap();
        let before = whole(&disk);
        let first = store.take(&disk, || true).unwrap();
        let first_digest = store.seal(&ids[0], &first).unwrap();
        assert_eq!((first.chunks.len(), stored(&store)), (4, 4));

        disk.write_all_at(b"new", 5).unwrap();
        disk.write_all_at(&[0; 2], 3 * CHUNK).unwrap();
        let second = store.take(&disk, || true).unwrap();
        let second_digest = store.seal(&ids[1], &second).unwrap();
        assert_eq!((second.chunks.len(), stored(&store)), (3, 5), "the piece of zeros is none");

        let restored = self::disk(dir.path(), "restored");
        store.restore(&store.open_list(&ids[0], &first_digest).unwrap(), &restored).unwrap();
        assert!(whole(&restored) == before);

        assert_eq!(store.collect().unwrap(), 0);
        store.remove_list(&ids[0]).unwrap();
        assert!(store.collect().unwrap() > 0);
        assert_eq!(stored(&store), 3);
        let restored = self::disk(dir.path(), "restored");
        store.restore(&store.open_list(&ids[1], &second_digest).unwrap(), &restored).unwrap();
        assert!(whole(&restored) == whole(&disk));
        assert!(store.open_list(&ids[0], &first_digest).is_err());
    }

    #[test]
    fn a_damaged_snapshot_is_not_restored() {
        let dir = tempfile::tempdir().unwrap();
        let store = ChunkStore::open(dir.path()).unwrap();
        let (disk, id) = (disk(dir.path(), "disk"), SnapshotId::generate());
        disk.write_all_at(b"data", 0).unwrap();
        let contents = store.take(&disk, || true).unwrap();
        let digest = store.seal(&id, &contents).unwrap();
        fs::write(store.chunk(&contents.chunks[0].1), "other").unwrap();
        let contents = store.open_list(&id, &digest).unwrap();
        assert!(matches!(store.restore(&contents, &disk), Err(ChunkError::Damaged(_))));
        fs::write(store.list(&id), format!("{HEADER}\n")).unwrap();
        assert!(matches!(store.open_list(&id, &digest), Err(ChunkError::Damaged(_))));
    }

    #[test]
    fn a_copy_can_be_broken_off() {
        let dir = tempfile::tempdir().unwrap();
        let store = ChunkStore::open(dir.path()).unwrap();
        let disk = disk(dir.path(), "disk");
        disk.write_all_at(b"data", 0).unwrap();
        assert!(matches!(store.take(&disk, || false), Err(ChunkError::BrokenOff)));
    }
}

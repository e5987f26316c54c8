//! Scratch disks: the writable half of a machine's root, empty at each boot unless the machine asks
//! for it to stay.
//!
//! A new disk is a sparse copy of a template that was formatted once: inode tables are left for the
//! guest to fill as needed, so that it takes well under 2 MB before the app writes. It has a journal
//! only if it outlives a boot: nobody but the guest ever mounts it, or repairs it.

use std::{
    fs::{self, File, Permissions},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::Command,
};

use nix::{errno::Errno, unistd::Whence};
use roost_model::machine::Persist;
use ulid::Ulid;

/// Copied at a time.
const CHUNK: u64 = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ScratchError {
    #[error("{what} failed: {source}")]
    Io { what: String, source: io::Error },
    #[error("mkfs.ext4 is not installed; apt-get install e2fsprogs")]
    MkfsMissing,
    #[error("mkfs.ext4 failed: {0}")]
    Mkfs(String),
}

/// Makes scratch disks.
#[derive(Debug, Clone)]
pub struct Scratch {
    /// Folder of the templates: one for each size and kind that was asked for, few MiB each.
    templates: PathBuf,
    default_mib: u64,
}

/// What a machine asks of its scratch disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub persist: Persist,
    /// The host's default when absent or 0.
    pub size_gb: Option<u32>,
}

impl Scratch {
    /// Makes the template of the usual disk in `dir` unless it is there.
    pub fn open(dir: &Path, default_mib: u64) -> Result<Self, ScratchError> {
        fs::create_dir_all(dir).map_err(io_error("making the folder of scratch disks"))?;
        let scratch = Self { templates: dir.to_owned(), default_mib };
        scratch.template(Kind { persist: Persist::Never, size_gb: None })?;
        Ok(scratch)
    }

    /// A disk at `path`: empty, whatever was there, unless what was there is to stay. Blocks.
    pub fn make(&self, path: &Path, kind: Kind) -> Result<(), ScratchError> {
        if kind.persist != Persist::Never && path.exists() {
            return Ok(());
        }
        let template = self.template(kind)?;
        let unfinished = path.with_extension("new");
        copy_sparse(&template, &unfinished).map_err(io_error("copying the empty scratch disk"))?;
        fs::rename(&unfinished, path).map_err(io_error("putting the scratch disk in place"))
    }

    fn template(&self, kind: Kind) -> Result<PathBuf, ScratchError> {
        let size_mib = match kind.size_gb {
            Some(size) if size > 0 => u64::from(size) << 10,
            _ => self.default_mib,
        };
        let journal = if kind.persist == Persist::Never { Journal::Without } else { Journal::With };
        let template = self.templates.join(format!("blank-{size_mib}{}.ext4", journal.suffix()));
        if !template.exists() {
            // Machines of the same kind may come here at the same time: each makes its own.
            let unfinished = self.templates.join(format!("{}.new", Ulid::generate()));
            format(&unfinished, size_mib, journal)?;
            fs::rename(&unfinished, &template).map_err(io_error("keeping the empty scratch disk"))?;
        }
        Ok(template)
    }
}

#[derive(Debug, Clone, Copy)]
enum Journal {
    With,
    Without,
}

impl Journal {
    fn suffix(self) -> &'static str {
        match self {
            Self::With => "-journal",
            Self::Without => "",
        }
    }

    fn features(self) -> &'static str {
        match self {
            Self::With => "^resize_inode",
            // Checksums of a disk that lives as long as its VMM would only cost the guest time.
            Self::Without => "^has_journal,^resize_inode,^metadata_csum,uninit_bg",
        }
    }
}

/// Removes a scratch disk; fine if there is none. Blocks.
pub fn remove(path: &Path) -> Result<(), ScratchError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("removing the scratch disk")(error))
        }
        _ => Ok(()),
    }
}

fn format(path: &Path, size_mib: u64, journal: Journal) -> Result<(), ScratchError> {
    let _ = fs::remove_file(path);
    let file = File::create(path).map_err(io_error("making the empty scratch disk"))?;
    file.set_len(size_mib << 20).map_err(io_error("making the empty scratch disk"))?;
    let content = folders(path).map_err(io_error("making the folders of the empty scratch disk"))?;
    let output = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-m", "0", "-O", journal.features()])
        .args(["-E", "lazy_itable_init=1,nodiscard", "-U", "clear"])
        .arg("-d")
        .args([&content, path])
        .output();
    fs::remove_dir_all(&content).map_err(io_error("removing the folders of the empty scratch disk"))?;
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(ScratchError::Mkfs(String::from_utf8_lossy(&output.stderr).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ScratchError::MkfsMissing),
        Err(error) => Err(io_error("starting mkfs.ext4")(error)),
    }
}

/// What the disk begins with: the folders that the guest's overlay lives in, so that no boot has to make them.
fn folders(path: &Path) -> io::Result<PathBuf> {
    let content = path.with_extension("content");
    for name in ["upper", "work"] {
        let folder = content.join(name);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
    }
    fs::set_permissions(&content, Permissions::from_mode(0o755))?;
    Ok(content)
}

/// Copies the parts of `from` that hold data; the rest stays holes.
fn copy_sparse(from: &Path, to: &Path) -> io::Result<()> {
    let (source, target) = (File::open(from)?, File::create(to)?);
    let length = source.metadata()?.len();
    target.set_len(length)?;
    // A file system that can share the blocks does.
    // SAFETY: FICLONE takes a file descriptor and touches no memory of ours.
    if unsafe { libc::ioctl(target.as_raw_fd(), libc::FICLONE, source.as_raw_fd()) } == 0 {
        return Ok(());
    }
    let mut at = 0;
    while let Some(start) = seek(&source, at, Whence::SeekData)? {
        let end = seek(&source, start, Whence::SeekHole)?.unwrap_or(length);
        copy_range(&source, &target, start, end)?;
        at = end;
    }
    Ok(())
}

fn copy_range(source: &File, target: &File, mut at: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK.min(end - at) as usize];
    while at < end {
        let part = &mut buffer[..CHUNK.min(end - at) as usize];
        source.read_exact_at(part, at)?;
        target.write_all_at(part, at)?;
        at += part.len() as u64;
    }
    Ok(())
}

/// The next data or hole from `at` on; `None` past the end.
fn seek(file: &File, at: u64, whence: Whence) -> io::Result<Option<u64>> {
    match nix::unistd::lseek(file, at as i64, whence) {
        Ok(at) => Ok(Some(at as u64)),
        Err(Errno::ENXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn io_error(what: &str) -> impl FnOnce(io::Error) -> ScratchError {
    let what = what.to_owned();
    move |source| ScratchError::Io { what, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_new_disk_is_a_whole_file_system_that_takes_little_room() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(dir.path(), 8192).unwrap();
        let disk = dir.path().join("disk.ext4");
        fs::write(&disk, "what an earlier boot left").unwrap();
        scratch.make(&disk, Kind { persist: Persist::Never, size_gb: None }).unwrap();
        let metadata = fs::metadata(&disk).unwrap();
        assert_eq!(metadata.len(), 8 << 30);
        assert!(metadata.blocks() * 512 < 2 << 20, "{} KiB", metadata.blocks() / 2);
        let check = Command::new("e2fsck").arg("-fn").arg(&disk).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    }

    #[test]
    fn a_disk_that_stays_has_its_own_size_and_a_journal() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(dir.path(), 64).unwrap();
        let disk = dir.path().join("disk.ext4");
        let kind = Kind { persist: Persist::Restart, size_gb: Some(1) };
        scratch.make(&disk, kind).unwrap();
        assert_eq!(fs::metadata(&disk).unwrap().len(), 1 << 30);
        let features = Command::new("dumpe2fs").arg("-h").arg(&disk).output().unwrap();
        assert!(String::from_utf8_lossy(&features.stdout).contains("has_journal"));
        fs::write(&disk, "what the machine wrote").unwrap();
        scratch.make(&disk, kind).unwrap();
        assert_eq!(fs::read_to_string(&disk).unwrap(), "what the machine wrote");
    }
}

//! The file behind a volume: sparse, ext4 when it is new, larger when it is extended.
//!
//! Responsible for: files. Once a guest had it, what is in the file is the tenant's: nothing here, or
//! anywhere on the host, reads it as a file system. All of it blocks.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{fd::AsRawFd, unix::fs::MetadataExt, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
    process::Command,
};

/// Name of the disk in the volume's folder.
const DISK: &str = "disk.ext4";

#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    #[error("{what} failed: {source}")]
    Io { what: &'static str, source: io::Error },
    #[error("mkfs.ext4 is not installed; apt-get install e2fsprogs")]
    MkfsMissing,
    #[error("mkfs.ext4 failed: {0}")]
    Mkfs(String),
}

/// Where a volume's disk is.
#[derive(Debug, Clone)]
pub struct VolumeDisk {
    folder: PathBuf,
}

impl VolumeDisk {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(DISK)
    }

    /// Bytes that it takes on the host's own disk.
    pub fn allocated_bytes(&self) -> u64 {
        fs::metadata(self.path()).map_or(0, |metadata| metadata.blocks() * 512)
    }

    /// An empty file system. Does nothing when the disk is there.
    pub fn format(&self, bytes: u64) -> Result<(), DiskError> {
        if self.path().exists() {
            return Ok(());
        }
        let unfinished = self.begin(bytes)?;
        mkfs(&unfinished)?;
        self.finish(&unfinished)
    }

    /// A disk with what `fill` writes. Does nothing when the disk is there.
    pub fn fill<E: From<DiskError>>(
        &self,
        bytes: u64,
        fill: impl FnOnce(&File) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.path().exists() {
            return Ok(());
        }
        let unfinished = self.begin(bytes)?;
        let file = OpenOptions::new().write(true).open(&unfinished);
        fill(&file.map_err(io_error("opening the volume's disk"))?)?;
        Ok(self.finish(&unfinished)?)
    }

    /// Makes it as large as it is to be; never smaller.
    pub fn grow(&self, bytes: u64) -> Result<(), DiskError> {
        let file = OpenOptions::new().write(true).open(self.path());
        let file = file.map_err(io_error("opening the volume's disk"))?;
        let length = file.metadata().map_err(io_error("looking at the volume's disk"))?.len();
        if length < bytes {
            file.set_len(bytes).map_err(io_error("making the volume's disk larger"))?;
            file.sync_all().map_err(io_error("flushing the volume's disk"))?;
        }
        Ok(())
    }

    /// The disk, to be read.
    pub fn open(&self) -> Result<File, DiskError> {
        File::open(self.path()).map_err(io_error("opening the volume's disk"))
    }

    /// What the disk holds at this moment, in a file without a name, where [`can_clone`].
    pub fn cloned(&self) -> Result<File, DiskError> {
        let cloned = || {
            let copy = tempfile_in(&self.folder, "clone")?;
            clone_file(&File::open(self.path())?, &copy).map(|()| copy)
        };
        cloned().map_err(io_error("cloning the volume's disk"))
    }

    /// Removes everything of the volume; fine if there is nothing.
    pub fn remove(&self) -> Result<(), DiskError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("removing the volume's disk")(error))
            }
            _ => Ok(()),
        }
    }

    /// Only root opens it; the VMM gets it opened.
    fn begin(&self, bytes: u64) -> Result<PathBuf, DiskError> {
        fs::create_dir_all(&self.folder).map_err(io_error("making the volume's folder"))?;
        let unfinished = self.folder.join("unfinished");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&unfinished).map_err(io_error("making the volume's disk"))?;
        file.set_len(bytes).map_err(io_error("making the volume's disk"))?;
        Ok(unfinished)
    }

    fn finish(&self, unfinished: &Path) -> Result<(), DiskError> {
        let put = || {
            File::open(unfinished)?.sync_all()?;
            fs::rename(unfinished, self.path())?;
            File::open(&self.folder)?.sync_all()
        };
        put().map_err(io_error("putting the volume's disk in place"))
    }
}

/// Whether copies in this folder can share their blocks with the original: then they take no time.
pub fn can_clone(folder: &Path) -> bool {
    let probe = || {
        let from = tempfile_in(folder, "probe-from")?;
        from.set_len(1 << 16)?;
        clone_file(&from, &tempfile_in(folder, "probe-to")?)
    };
    probe().is_ok()
}

/// An open file that has no name any more.
fn tempfile_in(folder: &Path, name: &str) -> io::Result<File> {
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

fn clone_file(from: &File, to: &File) -> io::Result<()> {
    // SAFETY: FICLONE takes a file descriptor and touches no memory of ours.
    match unsafe { libc::ioctl(to.as_raw_fd(), libc::FICLONE, from.as_raw_fd()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// On a file that nobody else has written to yet. Its zeros need not be written again: neither inode
/// tables nor journal are, so that an empty volume takes next to no room.
fn mkfs(path: &Path) -> Result<(), DiskError> {
    let output = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"])
        .arg(path)
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(DiskError::Mkfs(String::from_utf8_lossy(&output.stderr).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DiskError::MkfsMissing),
        Err(error) => Err(io_error("starting mkfs.ext4")(error)),
    }
}

pub fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> DiskError {
    move |source| DiskError::Io { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_disk_is_a_whole_file_system_that_takes_little_room_and_grows() {
        let dir = tempfile::tempdir().unwrap();
        let disk = VolumeDisk::new(dir.path().join("vol"));
        disk.format(100 << 30).unwrap();
        disk.grow(200 << 30).unwrap();
        disk.grow(50 << 30).unwrap();
        assert_eq!(fs::metadata(disk.path()).unwrap().len(), 200 << 30);
        assert!(disk.allocated_bytes() < 16 << 20, "{} KiB", disk.allocated_bytes() >> 10);
        let check = Command::new("e2fsck").arg("-fn").arg(disk.path()).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
        disk.remove().unwrap();
        disk.remove().unwrap();
        assert!(!dir.path().join("vol").exists());
    }
}

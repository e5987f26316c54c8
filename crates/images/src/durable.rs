//! Files that are whole or not there, also after a crash: written apart, synced, then renamed.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// Writes a file in place of whatever is there. `tmp` is a folder of the same file system.
pub fn write(path: &Path, bytes: &[u8], tmp: &Path) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(tmp)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_parent(path)
}

/// Moves a file that is written and synced to its final place.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_parent(to)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Removes a file; that it is gone already is fine.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

//! A key in a file that only its owner reads, made when it is first needed.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rand::RngCore;
use zeroize::Zeroizing;

/// Bytes of a key; the file holds them in hex.
pub const KEY_BYTES: usize = 32;

pub type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("cannot read or write the key file {path}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{0} is no key file: it must hold 64 hex digits; bring it back from a backup")]
    Malformed(PathBuf),
    #[error("others than its owner may read {0}; run: chmod 600 {0}")]
    TooOpen(PathBuf),
}

/// The key in the file; a new random one if there is no file.
pub fn open_or_create(path: &Path) -> Result<KeyBytes, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    match File::open(path) {
        Ok(_) => read(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_new(path).map_err(io)?;
            read(path)
        }
        Err(error) => Err(io(error)),
    }
}

fn read(path: &Path) -> Result<KeyBytes, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyFileError::TooOpen(path.to_owned()));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    hex::decode_to_slice(text.trim(), &mut key[..]).map_err(|_| KeyFileError::Malformed(path.to_owned()))?;
    Ok(key)
}

/// Complete or not there at all, also after a power cut: a half-written key would be a lost one.
fn write_new(path: &Path) -> io::Result<()> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    rand::rng().fill_bytes(&mut key[..]);
    let unfinished = path.with_extension(format!("new-{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(Zeroizing::new(hex::encode(&key[..])).as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    // A link instead of a rename: whoever comes second finds the first one's key.
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

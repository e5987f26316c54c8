//! Unix sockets whose paths may be longer than a socket address allows (108 bytes): the folder is opened,
//! and the socket addressed through the descriptor.

use std::{
    fs::{self, File, Permissions},
    io,
    os::{fd::AsRawFd, unix::fs::PermissionsExt, unix::net::UnixListener},
    path::{Path, PathBuf},
};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use tokio::net::UnixStream;

/// Binds and listens; in place of an older socket at this path. Only root may connect.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Err(e) = fs::remove_file(path)
        && e.kind() != io::ErrorKind::NotFound
    {
        return Err(e);
    }
    let (_folder, short) = shorten(path)?;
    let listener = UnixListener::bind(short)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

pub(crate) async fn connect(path: &Path) -> io::Result<UnixStream> {
    let (_folder, short) = shorten(path)?;
    UnixStream::connect(short).await
}

/// A socket in a folder whose contents a VMM controls: links are not followed on the way, so that it cannot
/// turn our connection to another machine's socket.
#[derive(Debug, Clone)]
pub(crate) struct Within {
    pub root: PathBuf,
    /// Relative.
    pub inside: PathBuf,
}

impl Within {
    pub async fn connect(&self) -> io::Result<UnixStream> {
        let root = File::open(&self.root)?;
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
        let socket = openat2(&root, &self.inside, how)?;
        UnixStream::connect(Path::new("/proc/self/fd").join(socket.as_raw_fd().to_string())).await
    }
}

/// A path of a few dozen bytes, valid as long as the folder is open.
fn shorten(path: &Path) -> io::Result<(File, PathBuf)> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = File::open(parent)?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    Ok((folder, short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_path_is_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(100)).join("e".repeat(100));
        fs::create_dir_all(&deep).unwrap();
        let path = deep.join("socket");
        let _listener = listen(&path).unwrap();
        connect(&path).await.unwrap();
        let _second = listen(&path).unwrap();
        connect(&path).await.unwrap();
    }
}

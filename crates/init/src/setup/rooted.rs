//! Paths below the machine's root, whose every symlink the tenant chose.
//!
//! Everything goes through `openat2` with `RESOLVE_IN_ROOT`: an absolute symlink or a `..` stays in the
//! root, as it would for a process whose root it is.

use std::{
    ffi::CString,
    fs::{File, Permissions},
    io::Write,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::PermissionsExt},
    },
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::{FchmodatFlags, Mode, fchmodat, mkdirat},
    unistd::{UnlinkatFlags, unlinkat},
};

use crate::{Context, Error, Result};

/// A directory that paths cannot leave.
#[derive(Debug)]
pub struct Rooted {
    root: OwnedFd,
}

impl Rooted {
    pub fn open(root: &Path) -> Result<Rooted> {
        let root = File::open(root).context(|| format!("open {}", root.display()))?;
        Ok(Rooted { root: root.into() })
    }

    /// The directory at `path`, with its missing parents made.
    pub fn dir(&self, path: &str) -> Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let mut parent = self.resolve(Path::new("."), flags).context(|| "open the root".into())?;
        let mut walked = PathBuf::new();
        for name in names(path)? {
            walked.push(name);
            parent = match self.resolve(&walked, flags) {
                Err(Errno::ENOENT) => {
                    mkdirat(&parent, Path::new(name), Mode::from_bits_truncate(0o755))
                        .context(|| format!("make the directory /{}", walked.display()))?;
                    self.resolve(&walked, flags)
                }
                dir => dir,
            }
            .context(|| format!("open the directory /{}", walked.display()))?;
        }
        Ok(parent)
    }

    /// A path for `mount`, which takes no descriptor: good as long as `dir` is open.
    pub fn mount_point(dir: &OwnedFd) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd()))
    }

    /// Writes a file through symlinks, as a process in the machine would.
    pub fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<()> {
        let (dir, _) = split(path)?;
        self.dir(dir)?;
        let relative = path.trim_start_matches('/');
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NONBLOCK;
        let file = self.resolve(Path::new(relative), flags).context(|| format!("open {path}"))?;
        fill(file, path, content, mode)
    }

    /// Writes a file in the place of whatever had that name: also of a symlink that leads nowhere.
    pub fn replace(&self, path: &str, content: &[u8], mode: u32) -> Result<()> {
        let (dir, name) = split(path)?;
        let dir = self.dir(dir)?;
        match unlinkat(&dir, Path::new(name), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(error).context(|| format!("replace {path}")),
        }
        let how = OpenHow::new()
            .flags(OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC)
            .mode(Mode::from_bits_truncate(0o600));
        let file = openat2(&dir, Path::new(name), how).context(|| format!("make {path}"))?;
        fill(file, path, content, mode)
    }

    /// Removes a file, whatever it is, if it is there.
    pub fn remove(&self, path: &str) -> Result<()> {
        let (dir, name) = split(path)?;
        match unlinkat(&self.dir(dir)?, Path::new(name), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(error).context(|| format!("remove {path}")),
        }
    }

    /// Makes a symlink unless something has its name.
    pub fn symlink(&self, target: &str, path: &str) -> Result<()> {
        let (dir, name) = split(path)?;
        let dir = self.dir(dir)?;
        match nix::unistd::symlinkat(Path::new(target), &dir, Path::new(name)) {
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            Err(error) => Err(error).context(|| format!("link {path}")),
        }
    }

    /// Makes a character device that everybody may use, whatever init's umask.
    pub fn device(&self, path: &str, major: u64, minor: u64) -> Result<()> {
        let (dir, name) = split(path)?;
        let dir = self.dir(dir)?;
        let name = CString::new(name.as_bytes()).context(|| format!("name {path}"))?;
        let number = libc::makedev(u32::try_from(major).unwrap_or(0), u32::try_from(minor).unwrap_or(0));
        // SAFETY: a directory's descriptor and a C string.
        let made = unsafe { libc::mknodat(dir.as_raw_fd(), name.as_ptr(), libc::S_IFCHR | 0o666, number) };
        Errno::result(made).context(|| format!("make the device {path}"))?;
        let everybody = Mode::from_bits_truncate(0o666);
        fchmodat(&dir, name.as_c_str(), everybody, FchmodatFlags::FollowSymlink)
            .context(|| format!("open the device {path}"))
    }

    /// Whether `path` leads to a directory.
    pub fn has_dir(&self, path: &str) -> bool {
        let relative = Path::new(path.trim_start_matches('/'));
        self.resolve(relative, OFlag::O_PATH | OFlag::O_DIRECTORY).is_ok()
    }

    fn resolve(&self, relative: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        let mode =
            if flags.contains(OFlag::O_CREAT) { Mode::from_bits_truncate(0o600) } else { Mode::empty() };
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .mode(mode)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(&self.root, relative, how)
    }
}

fn fill(file: OwnedFd, path: &str, content: &[u8], mode: u32) -> Result<()> {
    let mut file = File::from(file);
    file.write_all(content).context(|| format!("write {path}"))?;
    file.set_permissions(Permissions::from_mode(mode & 0o7777)).context(|| format!("set the mode of {path}"))
}

fn split(path: &str) -> Result<(&str, &str)> {
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        Some((dir, name)) if !name.is_empty() && name != ".." && name != "." => Ok((dir, name)),
        _ => Err(Error::new(format!("{path:?} is not the absolute path of a file"))),
    }
}

fn names(path: &str) -> Result<Vec<&std::ffi::OsStr>> {
    Path::new(path)
        .components()
        .filter(|component| !matches!(component, Component::RootDir | Component::CurDir))
        .map(|component| match component {
            Component::Normal(name) if !name.as_bytes().is_empty() => Ok(name),
            _ => Err(Error::new(format!("{path:?} contains .."))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn machine() -> (tempfile::TempDir, Rooted) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        fs::write(dir.path().join("outside"), "untouched").unwrap();
        let rooted = Rooted::open(&dir.path().join("root")).unwrap();
        (dir, rooted)
    }

    #[test]
    fn files_are_written_with_their_parents_and_mode() {
        let (dir, rooted) = machine();
        rooted.write("/etc/app/key", b"secret", 0o640).unwrap();
        let file = dir.path().join("root/etc/app/key");
        assert_eq!(fs::read(&file).unwrap(), b"secret");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o640);
        rooted.write("/etc/app/key", b"new", 0o600).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
    }

    #[test]
    fn no_symlink_of_the_image_leads_out_of_the_root() {
        let (dir, rooted) = machine();
        let root = dir.path().join("root");
        symlink("../outside", root.join("up")).unwrap();
        symlink(dir.path().join("outside"), root.join("absolute")).unwrap();
        symlink("../..", root.join("dir")).unwrap();
        // Each lands in the root or fails; either is right.
        for path in ["/up", "/absolute", "/dir/outside"] {
            let _lands_inside = rooted.write(path, b"changed", 0o600);
        }
        assert_eq!(fs::read(dir.path().join("outside")).unwrap(), b"untouched");
        assert!(rooted.write("/a/../../outside", b"x", 0o600).is_err());
        assert!(rooted.write("relative", b"x", 0o600).is_err());
        assert!(rooted.write("/etc/..", b"x", 0o600).is_err());
    }

    #[test]
    fn replacing_takes_the_place_of_a_symlink() {
        let (dir, rooted) = machine();
        fs::create_dir(dir.path().join("root/etc")).unwrap();
        let link = dir.path().join("root/etc/resolv.conf");
        symlink("../run/systemd/resolve/stub-resolv.conf", &link).unwrap();
        rooted.replace("/etc/resolv.conf", b"nameserver fdaa::3\n", 0o644).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
    }
}

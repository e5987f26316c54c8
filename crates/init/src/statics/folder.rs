//! From the path of a URL to a file, which lies where the configuration says and nowhere else.

use std::{
    fs::File,
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use roost_guest_api::GuestStatic;

use super::request::decoded;

/// An open file of ordinary content.
pub struct Found {
    pub file: File,
    pub size: u64,
    pub modified_ns: i64,
}

/// The file that `path`, as a URL writes it, means; `None` when there is none to serve.
///
/// Symlinks are not followed: an image that holds one to a secret does not mean to publish it.
pub fn find(folders: &[GuestStatic], path: &str) -> Option<Found> {
    let path = decoded(path)?;
    let (folder, below) = folders.iter().find_map(|folder| {
        let below = path.strip_prefix(folder.url_prefix.trim_end_matches('/').as_bytes())?;
        (below.is_empty() || below[0] == b'/').then_some((folder, below))
    })?;
    let start = below.iter().position(|byte| *byte != b'/').unwrap_or(below.len());
    let below = &below[start..];
    let index = folder.index_document.as_deref().filter(|_| below.is_empty() || below.ends_with(b"/"));
    let file = [below, index.unwrap_or_default().as_bytes()].concat();
    if file.is_empty() {
        return None;
    }
    open(&folder.path, Path::new(std::ffi::OsStr::from_bytes(&file))).ok().flatten()
}

fn open(folder: &str, below: &Path) -> io::Result<Option<Found>> {
    let folder = File::open(folder)?;
    // A pipe must not hold the thread up.
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let file = File::from(openat2(&folder, below, how)?);
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Ok(None);
    }
    let modified_ns = facts.mtime().wrapping_mul(1_000_000_000).wrapping_add(facts.mtime_nsec());
    Ok(Some(Found { size: facts.len(), modified_ns, file }))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn files_of_the_folder_are_found_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let public = dir.path().join("public");
        fs::create_dir_all(public.join("docs")).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        fs::write(public.join("a b.css"), "css").unwrap();
        fs::write(public.join("docs/index.html"), "index").unwrap();
        symlink("../secret", public.join("link")).unwrap();
        symlink("docs", public.join("dir")).unwrap();
        nix::unistd::mkfifo(&public.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let folders = [GuestStatic {
            path: public.to_str().unwrap().into(),
            url_prefix: "/static/".into(),
            index_document: Some("index.html".into()),
        }];
        let size = |path: &str| find(&folders, path).map(|found| found.size);
        assert_eq!(size("/static/a%20b.css"), Some(3));
        assert_eq!(size("/static//a%20b.css"), Some(3));
        assert_eq!(size("/static/docs/"), Some(5));
        for none in [
            "/static",
            "/static/",
            "/static/docs",
            "/static/none",
            "/static/link",
            "/static/dir/index.html",
            "/static/pipe",
            "/static/../secret",
            "/static/%2e%2e/secret",
            "/static/docs/../../secret",
            "/statica%20b.css",
            "/other",
        ] {
            assert_eq!(size(none), None, "{none}");
        }
    }
}

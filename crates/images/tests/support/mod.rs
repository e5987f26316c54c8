//! What the tests of images share: layers made by hand, and the tools that judge the disks.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod layout;
pub mod server;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use roost_images::{Digest, Limits, disk};

/// A layer's tar, entry by entry.
pub struct Layer(tar::Builder<Vec<u8>>);

impl Layer {
    pub fn new() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }

    /// An entry whose name is written as it is, however hostile.
    pub fn raw(mut self, kind: tar::EntryType, name: &str, link: &str, mode: u32, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.raw(tar::EntryType::Regular, name, "", 0o644, content)
    }

    pub fn dir(self, name: &str) -> Self {
        self.raw(tar::EntryType::Directory, name, "", 0o755, b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.raw(tar::EntryType::Symlink, name, target, 0o777, b"")
    }

    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.raw(tar::EntryType::Link, name, target, 0o644, b"")
    }

    /// PAX records for the next entry.
    pub fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        self.0.append_pax_extensions(records.iter().copied()).unwrap();
        self
    }

    pub fn tar(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a layer's bytes to a file; `tar` is what they unpack to.
pub fn layer_file(dir: &Path, bytes: &[u8], tar: &[u8]) -> disk::Layer {
    let digest = Digest::of(bytes);
    let path = dir.join(digest.hex());
    std::fs::write(&path, bytes).unwrap();
    disk::Layer { path, digest, diff_id: Digest::of(tar) }
}

/// Makes a disk of plain tars.
pub fn convert(dir: &Path, tars: &[Vec<u8>], limits: &Limits) -> Result<PathBuf, roost_images::ImageError> {
    let layers: Vec<_> = tars.iter().map(|tar| layer_file(dir, tar, tar)).collect();
    let out = dir.join(format!("{}.erofs", rand::random::<u64>()));
    disk::convert(&layers, &out, limits, |_| {})?;
    Ok(out)
}

/// Runs a program that must succeed; its output.
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| {
        panic!("cannot run {program} ({error}); install erofs-utils, tar and util-linux")
    });
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}

/// A disk, mounted by the kernel until dropped. Needs root and a kernel with EROFS.
pub struct Mounted {
    dir: tempfile::TempDir,
}

impl Mounted {
    pub fn new(disk: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        run("mount", &["-t", "erofs", "-o", "loop,ro", disk.to_str().unwrap(), dir.path().to_str().unwrap()]);
        Self { dir }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.dir.path()).status();
    }
}

/// One line for each file below `root`: path, type, mode, owner, links, size, time, target, contents,
/// attributes. Inode numbers and times of directories that nobody described are left out.
pub fn listing(root: &Path) -> Vec<String> {
    let script = r#"
import os, stat, hashlib, sys
root = os.fsencode(sys.argv[1])
for folder, dirs, files in os.walk(root):
    for name in [b'.'] + dirs + files:
        if name == b'.' and folder != root: continue
        path = os.path.join(folder, name)
        st = os.lstat(path)
        kind = stat.S_IFMT(st.st_mode)
        what = b''
        if kind == stat.S_IFREG: what = hashlib.sha256(open(path, 'rb').read()).hexdigest().encode()
        if kind == stat.S_IFLNK: what = os.readlink(path)
        if kind in (stat.S_IFCHR, stat.S_IFBLK): what = b'%d:%d' % (os.major(st.st_rdev), os.minor(st.st_rdev))
        xattrs = sorted((n, os.getxattr(path, n, follow_symlinks=False)) for n in os.listxattr(path, follow_symlinks=False))
        size = st.st_size if kind in (stat.S_IFREG, stat.S_IFLNK) else 0
        print(os.path.relpath(path, root), oct(st.st_mode), st.st_uid, st.st_gid, st.st_nlink, size, st.st_mtime_ns, what, xattrs)
"#;
    let text = run("python3", &["-c", script, root.to_str().unwrap()]);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

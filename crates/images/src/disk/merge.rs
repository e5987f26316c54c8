//! Lays the entries of a layer over the tree.

use std::io::BufRead;

use super::{
    data::DataArea,
    erofs,
    path::{self, Meaning, PathError},
    tar::{Entry, Kind, Reader, TarError, Xattr},
    tree::{Attributes, Directory, Node, Tree, TreeError},
};

/// Longest target of a symbolic link, as in Linux.
const MAX_SYMLINK: usize = 4095;

/// Extended attributes of one file, names and values together: what Linux lets a listing hold.
const MAX_XATTR_BYTES: usize = 64 << 10;

/// Names and attributes of all entries: they are kept in memory. Real images have a few MiB.
const MAX_METADATA: usize = 512 << 20;

/// What overlayfs keeps for itself on lower layers: not part of an image, and it would be obeyed.
const OVERLAY_XATTR: &[u8] = b"trusted.overlay.";

/// Why a layer cannot be laid over the others.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error(transparent)]
    Tar(#[from] TarError),
    #[error("entry \"{entry}\": {source}")]
    Path { entry: String, source: PathError },
    #[error("entry \"{entry}\": its hard link's target \"{target}\" is refused: {source}")]
    LinkTarget { entry: String, target: String, source: PathError },
    #[error("entry \"{entry}\": {source}")]
    Tree { entry: String, source: TreeError },
    #[error("entry \"{entry}\": {reason}")]
    Entry { entry: String, reason: &'static str },
    /// More than the limit that was given.
    #[error("more than {0} entries")]
    TooManyEntries(u64),
    #[error("more than 512 MiB of names and extended attributes")]
    TooMuchMetadata,
    #[error("the disk cannot be written: {0}")]
    Disk(std::io::Error),
}

/// What an image may still take of the memory that holds its tree.
#[derive(Debug)]
pub struct Budget {
    max_entries: u64,
    entries: u64,
    /// Names, link targets and extended attributes, in bytes.
    metadata: usize,
}

impl Budget {
    pub fn new(max_entries: u64) -> Self {
        Self { max_entries, entries: 0, metadata: MAX_METADATA }
    }

    fn take(&mut self, entry: &Entry) -> Result<(), MergeError> {
        self.entries += 1;
        let xattrs: usize = entry.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let bytes = entry.path.len() + entry.link.len() + xattrs;
        self.metadata = self.metadata.checked_sub(bytes).ok_or(MergeError::TooMuchMetadata)?;
        self.check(self.entries)
    }

    fn check(&self, entries: u64) -> Result<(), MergeError> {
        if entries > self.max_entries { Err(MergeError::TooManyEntries(self.max_entries)) } else { Ok(()) }
    }
}

/// Reads one layer's tar to its end.
pub fn merge_layer<R: BufRead>(
    tar: &mut Reader<R>,
    tree: &mut Tree,
    data: &mut DataArea,
    budget: &mut Budget,
) -> Result<(), MergeError> {
    tree.next_layer();
    while let Some(entry) = tar.next()? {
        budget.take(&entry)?;
        place(entry, tar, tree, data)?;
        // Directories that no entry describes count as well.
        budget.check(tree.len() as u64)?;
    }
    Ok(())
}

fn place<R: BufRead>(
    entry: Entry,
    tar: &mut Reader<R>,
    tree: &mut Tree,
    data: &mut DataArea,
) -> Result<(), MergeError> {
    let shown = || String::from_utf8_lossy(&entry.path[..entry.path.len().min(300)]).into_owned();
    let clean = path::clean(&entry.path).map_err(|source| MergeError::Path { entry: shown(), source })?;
    let in_tree = |source| MergeError::Tree { entry: shown(), source };
    match path::meaning(clean) {
        Meaning::Ignored => Ok(()),
        Meaning::Whiteout(path) => tree.white_out(&path).map_err(in_tree),
        Meaning::Opaque(path) => tree.make_opaque(&path).map_err(in_tree),
        Meaning::Entry(path) if entry.kind == Kind::HardLink => {
            let target = path::clean(&entry.link).map_err(|source| MergeError::LinkTarget {
                entry: shown(),
                target: String::from_utf8_lossy(&entry.link).into_owned(),
                source,
            })?;
            tree.link(&path, &target).map_err(in_tree)
        }
        Meaning::Entry(path) => {
            let refused = |reason| MergeError::Entry { entry: shown(), reason };
            let attributes = attributes(&entry).map_err(refused)?;
            let node = match entry.kind {
                Kind::File => file(&entry, &attributes, tar, data)?,
                Kind::Symlink => Node::Symlink(symlink(&entry.link).map_err(refused)?),
                Kind::CharDevice => Node::CharDevice(entry.device.0, entry.device.1),
                Kind::BlockDevice => Node::BlockDevice(entry.device.0, entry.device.1),
                Kind::Fifo => Node::Fifo,
                Kind::Directory | Kind::HardLink => Node::Directory(Directory::default()),
            };
            tree.put(&path, attributes, node).map_err(in_tree)
        }
    }
}

fn file<R: BufRead>(
    entry: &Entry,
    attributes: &Attributes,
    tar: &mut Reader<R>,
    data: &mut DataArea,
) -> Result<Node, MergeError> {
    let room = erofs::room_for_tail(attributes);
    let mut file = data.begin(entry.size, room).map_err(MergeError::Disk)?;
    loop {
        let piece = tar.content()?;
        if piece.is_empty() {
            break;
        }
        let length = piece.len();
        file.write(piece).map_err(MergeError::Disk)?;
        tar.consume(length);
    }
    Ok(Node::File(file.finish().map_err(MergeError::Disk)?))
}

fn symlink(target: &[u8]) -> Result<Box<[u8]>, &'static str> {
    match target {
        b"" => Err("a symbolic link to nothing"),
        _ if target.len() > MAX_SYMLINK => Err("a symbolic link of more than 4095 bytes"),
        _ if target.contains(&0) => Err("a symbolic link with a NUL byte"),
        _ => Ok(target.into()),
    }
}

fn attributes(entry: &Entry) -> Result<Attributes, &'static str> {
    let kept = entry.xattrs.iter().filter(|(name, _)| is_kept(name));
    let mut xattrs: Vec<Xattr> = kept.cloned().collect();
    if xattrs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_XATTR_BYTES {
        return Err("more than 64 KiB of extended attributes");
    }
    xattrs.sort();
    Ok(Attributes {
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        mtime: entry.mtime,
        xattrs: xattrs.into(),
    })
}

/// Attributes of other systems (`com.apple…`) cannot be had on Linux; everybody drops them.
fn is_kept(name: &[u8]) -> bool {
    erofs::xattr_is_known(name) && !name.starts_with(OVERLAY_XATTR)
}

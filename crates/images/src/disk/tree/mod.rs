//! The files of an image as one tree in memory, while layers are laid over each other.
//!
//! Inodes and names are apart, as on a disk: a hard link is a second name. Every name remembers the
//! layer that wrote it, because a whiteout hides what lower layers brought and nothing else. File
//! contents are elsewhere (`data`); the tree only knows where.
//!
//! Paths are resolved inside the tree, so no symbolic link can lead out of it.

mod walk;

use std::collections::BTreeMap;

use walk::{MAX_LINKS, Missing, split};

use super::{
    data::Content,
    tar::{Time, Xattr},
};

/// Directories below each other. Linux reaches no path of more than 4095 bytes.
const MAX_DEPTH: u16 = 1024;

/// Index of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InodeId(u32);

pub const ROOT: InodeId = InodeId(0);

impl InodeId {
    /// Position among all inodes that were ever made.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits only.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Time,
    pub xattrs: Box<[Xattr]>,
}

impl Attributes {
    /// Of a directory that no entry describes.
    fn implied() -> Self {
        Self { mode: 0o755, uid: 0, gid: 0, mtime: Time::default(), xattrs: Box::default() }
    }
}

#[derive(Debug, Clone)]
pub struct Inode {
    pub attributes: Attributes,
    pub node: Node,
}

#[derive(Debug, Clone)]
pub enum Node {
    Directory(Directory),
    File(Content),
    Symlink(Box<[u8]>),
    CharDevice(u32, u32),
    BlockDevice(u32, u32),
    Fifo,
}

#[derive(Debug, Clone, Default)]
pub struct Directory {
    names: BTreeMap<Box<[u8]>, Name>,
    depth: u16,
}

impl Directory {
    /// Names and inodes in byte order.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], InodeId)> {
        self.names.iter().map(|(name, entry)| (&**name, entry.inode))
    }
}

#[derive(Debug, Clone, Copy)]
struct Name {
    inode: InodeId,
    layer: u16,
}

/// Why an entry has no place in the tree.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    #[error("{0} is not a directory")]
    NotADirectory(String),
    #[error("more than {MAX_LINKS} symbolic links on the way")]
    TooManyLinks,
    #[error("more than {MAX_DEPTH} directories below each other")]
    TooDeep,
    #[error("it would replace the root directory")]
    ReplacesRoot,
    #[error("the hard link's target {0} is not in the image")]
    NoLinkTarget(String),
    #[error("the hard link's target {0} is a directory")]
    LinkToDirectory(String),
}

/// The tree. `ROOT` always is a directory.
pub struct Tree {
    inodes: Vec<Inode>,
    /// The layer that is being laid over the others.
    layer: u16,
}

impl Tree {
    pub fn new() -> Self {
        let root = Inode { attributes: Attributes::implied(), node: Node::Directory(Directory::default()) };
        Self { inodes: vec![root], layer: 0 }
    }

    /// What is added from now on is above everything that is there.
    pub fn next_layer(&mut self) {
        self.layer += 1;
    }

    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.index()]
    }

    /// How many inodes were ever made, replaced ones included.
    pub fn len(&self) -> usize {
        self.inodes.len()
    }

    pub fn ids(&self) -> impl Iterator<Item = InodeId> + use<> {
        (0..self.inodes.len() as u32).map(InodeId)
    }

    /// Puts something at a path, in place of what is there. Directories keep their entries.
    pub fn put(&mut self, path: &[u8], attributes: Attributes, node: Node) -> Result<(), TreeError> {
        let Some((parent, name)) = self.parent_of(path)? else {
            let Node::Directory(_) = node else { return Err(TreeError::ReplacesRoot) };
            self.inodes[0].attributes = attributes;
            return Ok(());
        };
        let existing = self.directory(parent).names.get(name).copied();
        if let (Some(existing), Node::Directory(_)) = (existing, &node)
            && self.is_directory(existing.inode)
        {
            self.inodes[existing.inode.index()].attributes = attributes;
            self.set(parent, name, existing.inode);
            return Ok(());
        }
        let inode = self.add(parent, attributes, node)?;
        self.set(parent, name, inode);
        Ok(())
    }

    /// Gives the file at `target` a second name.
    pub fn link(&mut self, path: &[u8], target: &[u8]) -> Result<(), TreeError> {
        let shown = || String::from_utf8_lossy(target).into_owned();
        let inode = self.find(target)?.ok_or_else(|| TreeError::NoLinkTarget(shown()))?;
        if self.is_directory(inode) {
            return Err(TreeError::LinkToDirectory(shown()));
        }
        let (parent, name) = self.parent_of(path)?.ok_or(TreeError::ReplacesRoot)?;
        self.set(parent, name, inode);
        Ok(())
    }

    /// Takes away what lower layers have at a path; what this layer put there stays.
    pub fn white_out(&mut self, path: &[u8]) -> Result<(), TreeError> {
        let Some((parent, name)) = split(path) else { return Ok(()) };
        let Some(parent) = self.walk(parent, Missing::Stop)? else { return Ok(()) };
        let Some(entry) = self.directory(parent).names.get(name).copied() else { return Ok(()) };
        if self.prune(entry) {
            self.directory_mut(parent).names.remove(name);
        }
        Ok(())
    }

    /// Takes away what lower layers have in a directory.
    pub fn make_opaque(&mut self, path: &[u8]) -> Result<(), TreeError> {
        if let Some(directory) = self.walk(path, Missing::Stop)? {
            self.prune_entries(directory);
        }
        Ok(())
    }

    /// Removes what lower layers left below a name; whether the name itself is to go.
    fn prune(&mut self, entry: Name) -> bool {
        let is_below = entry.layer < self.layer;
        if !self.is_directory(entry.inode) {
            return is_below;
        }
        self.prune_entries(entry.inode);
        is_below && self.directory(entry.inode).names.is_empty()
    }

    fn prune_entries(&mut self, directory: InodeId) {
        let mut names = std::mem::take(&mut self.directory_mut(directory).names);
        names.retain(|_, entry| !self.prune(*entry));
        self.directory_mut(directory).names = names;
    }

    fn add(&mut self, parent: InodeId, attributes: Attributes, mut node: Node) -> Result<InodeId, TreeError> {
        if let Node::Directory(directory) = &mut node {
            directory.depth = self.directory(parent).depth + 1;
            if directory.depth > MAX_DEPTH {
                return Err(TreeError::TooDeep);
            }
        }
        let id = InodeId(u32::try_from(self.inodes.len()).map_err(|_| TreeError::TooDeep)?);
        self.inodes.push(Inode { attributes, node });
        Ok(id)
    }

    fn set(&mut self, parent: InodeId, name: &[u8], inode: InodeId) {
        let layer = self.layer;
        self.directory_mut(parent).names.insert(name.into(), Name { inode, layer });
    }

    fn is_directory(&self, id: InodeId) -> bool {
        matches!(self.inode(id).node, Node::Directory(_))
    }

    pub fn directory(&self, id: InodeId) -> &Directory {
        match &self.inode(id).node {
            Node::Directory(directory) => directory,
            _ => unreachable!("only directories are walked"),
        }
    }

    fn directory_mut(&mut self, id: InodeId) -> &mut Directory {
        match &mut self.inodes[id.index()].node {
            Node::Directory(directory) => directory,
            _ => unreachable!("only directories are walked"),
        }
    }
}

#[cfg(test)]
mod tests;

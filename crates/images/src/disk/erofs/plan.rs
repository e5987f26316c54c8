//! Where everything will be on the disk, before it is written: a directory's entries hold the numbers
//! of inodes that come later.

use std::io;

use super::{
    BLOCK,
    dirent::{self, FileType},
    inode,
    place::Places,
};
use crate::disk::{
    data::DataArea,
    tree::{self, InodeId, Node, Tree},
};

/// What can be known from the tree alone.
pub struct Plan {
    /// Inodes that the root leads to, in the order of a walk.
    pub order: Vec<InodeId>,
    /// By inode; number 0 for those that are gone.
    facts: Vec<Facts>,
    pub metadata_bytes: u64,
}

#[derive(Clone, Copy, Default)]
struct Facts {
    number: u64,
    links: u32,
    parent: Option<InodeId>,
    /// Bytes of a directory's entries.
    directory_len: usize,
}

impl Plan {
    pub fn new(tree: &Tree) -> Self {
        let mut plan =
            Self { order: Vec::new(), facts: vec![Facts::default(); tree.len()], metadata_bytes: 0 };
        plan.walk(tree);
        let mut places = Places::new();
        for &id in &plan.order {
            let head = inode::head_len(&tree.inode(id).attributes);
            plan.facts[id.index()].number = places.take(head + plan.tail_len(tree, id));
        }
        plan.metadata_bytes = places.len();
        plan
    }

    /// Finds what is reachable and counts names; a directory is named by its parent, by its own `.`
    /// and by the `..` of each of its directories.
    fn walk(&mut self, tree: &Tree) {
        let mut open = vec![tree::ROOT];
        self.facts[tree::ROOT.index()].links = 1;
        self.facts[tree::ROOT.index()].parent = Some(tree::ROOT);
        while let Some(id) = open.pop() {
            self.order.push(id);
            let Node::Directory(directory) = &tree.inode(id).node else { continue };
            self.facts[id.index()].directory_len =
                dirent::len(names(directory.entries().map(|(name, _)| name)).into_iter());
            self.facts[id.index()].links += 1;
            let first = open.len();
            for (_, child) in directory.entries() {
                let facts = &mut self.facts[child.index()];
                facts.links += 1;
                if facts.parent.is_none() {
                    facts.parent = Some(id);
                    open.push(child);
                }
                if matches!(tree.inode(child).node, Node::Directory(_)) {
                    self.facts[id.index()].links += 1;
                }
            }
            open[first..].reverse();
        }
    }

    /// Names that lead to an inode, as `st_nlink` counts them.
    pub fn links(&self, id: InodeId) -> u32 {
        self.facts[id.index()].links
    }

    /// Bytes of a directory's entries.
    pub fn directory_len(&self, id: InodeId) -> usize {
        self.facts[id.index()].directory_len
    }

    pub fn number(&self, id: InodeId) -> u64 {
        self.facts[id.index()].number
    }

    pub fn is_live(&self, id: InodeId) -> bool {
        self.facts[id.index()].parent.is_some()
    }

    /// Bytes that stand behind the inode, in its block.
    pub fn tail_len(&self, tree: &Tree, id: InodeId) -> usize {
        let inode = tree.inode(id);
        let len = match &inode.node {
            Node::Directory(_) => self.facts[id.index()].directory_len,
            Node::Symlink(target) => target.len(),
            Node::File(content) => return content.tail_len(),
            _ => 0,
        };
        let tail = len % BLOCK;
        if tail <= inode::room_for_tail(&inode.attributes) { tail } else { 0 }
    }

    fn entries(&self, tree: &Tree, id: InodeId) -> Vec<u8> {
        let parent = self.facts[id.index()].parent.unwrap_or(tree::ROOT);
        let directory = tree.directory(id);
        let mut entries: Vec<_> = directory
            .entries()
            .map(|(name, child)| (name, self.number(child), file_type(&tree.inode(child).node)))
            .collect();
        entries.push((b".", self.number(id), FileType::Directory));
        entries.push((b"..", self.number(parent), FileType::Directory));
        entries.sort_unstable_by_key(|(name, ..)| *name);
        dirent::encode(&entries)
    }

    /// Writes what directories and links do not keep in their tails; first block by position in `order`.
    pub fn directory_blocks(&self, tree: &Tree, data: &mut DataArea) -> io::Result<Vec<u32>> {
        let mut first_blocks = vec![0; self.order.len()];
        for (position, &id) in self.order.iter().enumerate() {
            let len = match &tree.inode(id).node {
                Node::Directory(_) => self.facts[id.index()].directory_len,
                Node::Symlink(target) => target.len(),
                _ => continue,
            };
            let apart = len - self.tail_len(tree, id);
            if apart > 0 {
                first_blocks[position] = data.append_blocks(&self.contents(tree, id)[..apart])?;
            }
        }
        Ok(first_blocks)
    }

    /// Contents of what keeps them in the tree: directories and symbolic links.
    pub fn contents(&self, tree: &Tree, id: InodeId) -> Vec<u8> {
        match &tree.inode(id).node {
            Node::Directory(_) => self.entries(tree, id),
            Node::Symlink(target) => target.to_vec(),
            _ => Vec::new(),
        }
    }
}

/// The names of a directory with `.` and `..`, sorted.
fn names<'a>(own: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    let mut names: Vec<&[u8]> = own.chain([&b"."[..], &b".."[..]]).collect();
    names.sort_unstable();
    names
}

fn file_type(node: &Node) -> FileType {
    match node {
        Node::Directory(_) => FileType::Directory,
        Node::File(_) => FileType::Regular,
        Node::Symlink(_) => FileType::Symlink,
        Node::CharDevice(..) => FileType::CharDevice,
        Node::BlockDevice(..) => FileType::BlockDevice,
        Node::Fifo => FileType::Fifo,
    }
}

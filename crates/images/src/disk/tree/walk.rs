//! Paths to inodes, as if the tree's root were `/`.

use std::borrow::Cow;

use super::{Attributes, Directory, InodeId, Node, ROOT, Tree, TreeError};

/// Symbolic links followed on one path; Linux stops there too.
pub const MAX_LINKS: usize = 40;

impl Tree {
    /// The inode at a path; a symbolic link at its very end is not followed.
    pub(super) fn find(&mut self, path: &[u8]) -> Result<Option<InodeId>, TreeError> {
        let Some((parent, name)) = split(path) else { return Ok(Some(ROOT)) };
        let Some(parent) = self.walk(parent, Missing::Stop)? else { return Ok(None) };
        Ok(self.directory(parent).names.get(name).map(|entry| entry.inode))
    }

    /// The directory that holds a path, made if missing, and the last name; `None` for the root.
    pub(super) fn parent_of<'p>(&mut self, path: &'p [u8]) -> Result<Option<(InodeId, &'p [u8])>, TreeError> {
        let Some((parent, name)) = split(path) else { return Ok(None) };
        Ok(self.walk(parent, Missing::Make)?.map(|parent| (parent, name)))
    }

    /// The directory at a path, symbolic links followed as if the root were `/`.
    pub(super) fn walk(&mut self, path: &[u8], missing: Missing) -> Result<Option<InodeId>, TreeError> {
        let mut way = vec![ROOT];
        let (mut rest, mut links) = (Cow::Borrowed(path), 0);
        let mut at = 0;
        while let Some(range) = component(&rest, at) {
            let name = &rest[range.clone()];
            at = range.end;
            let here = *way.last().unwrap_or(&ROOT);
            if name == b".." {
                way.truncate((way.len() - 1).max(1));
                continue;
            }
            let next = match (self.directory(here).names.get(name), missing) {
                (Some(entry), _) => entry.inode,
                (None, Missing::Make) => self.imply(here, name)?,
                (None, Missing::Stop) => return Ok(None),
            };
            match &self.inode(next).node {
                Node::Directory(_) => way.push(next),
                Node::Symlink(_) if links == MAX_LINKS => return Err(TreeError::TooManyLinks),
                Node::Symlink(target) => {
                    links += 1;
                    way.truncate(if target.starts_with(b"/") { 1 } else { way.len() });
                    rest = Cow::Owned([target, &b"/"[..], &rest[at..]].concat());
                    at = 0;
                }
                _ => return Err(TreeError::NotADirectory(String::from_utf8_lossy(name).into_owned())),
            }
        }
        Ok(way.last().copied())
    }

    fn imply(&mut self, parent: InodeId, name: &[u8]) -> Result<InodeId, TreeError> {
        let inode = self.add(parent, Attributes::implied(), Node::Directory(Directory::default()))?;
        self.set(parent, name, inode);
        Ok(inode)
    }
}

/// What to do about a directory that is not there.
#[derive(Clone, Copy)]
pub enum Missing {
    Make,
    Stop,
}

/// Parent and last name of a clean relative path; `None` for the root.
pub fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    match path.iter().rposition(|&b| b == b'/') {
        Some(slash) => Some((&path[..slash], &path[slash + 1..])),
        None => (!path.is_empty()).then_some((&[], path)),
    }
}

/// Where the next component of a path is, from `at` on; empty ones and `.` are passed over.
fn component(path: &[u8], mut at: usize) -> Option<std::ops::Range<usize>> {
    loop {
        let start = at + path.get(at..)?.iter().position(|&b| b != b'/')?;
        let end = path[start..].iter().position(|&b| b == b'/').map_or(path.len(), |slash| start + slash);
        if &path[start..end] != b"." {
            return Some(start..end);
        }
        at = end;
    }
}

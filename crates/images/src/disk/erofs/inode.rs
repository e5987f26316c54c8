//! One inode: 64 bytes, then its extended attributes, then the tail of its contents.

use super::{BLOCK, SLOT};
use crate::disk::tree::Attributes;

/// Bytes of an extended inode.
const SIZE: usize = 64;

/// Bytes before the attributes, if there are any.
const XATTR_HEADER: usize = 12;

/// Stands for no block at all.
const NO_BLOCK: u32 = u32::MAX;

/// Prefixes of attribute names that have a number.
const PREFIXES: [(&[u8], u8); 5] = [
    (b"system.posix_acl_access", 2),
    (b"system.posix_acl_default", 3),
    (b"user.", 1),
    (b"trusted.", 4),
    (b"security.", 6),
];

/// Where an inode's contents are.
#[derive(Debug, Clone, Copy)]
pub enum Layout {
    /// Whole blocks from this one on.
    Blocks(u32),
    /// Whole blocks from this one on, the rest right after the inode.
    BlocksAndTail(u32),
    /// A device's number stands in place of a block.
    Device(u32, u32),
    /// No contents.
    Empty,
}

/// All that an inode says.
pub struct Inode<'a> {
    pub attributes: &'a Attributes,
    /// File type bits (`S_IFREG`…).
    pub type_bits: u16,
    pub size: u64,
    pub links: u32,
    /// A number for 32-bit programs: the order of writing.
    pub serial: u32,
    pub layout: Layout,
}

/// Whether an attribute of this name can be written.
pub fn xattr_is_known(name: &[u8]) -> bool {
    name.len() <= 255 && split_xattr(name).is_some()
}

/// Number of the prefix, and what comes after it.
fn split_xattr(name: &[u8]) -> Option<(u8, &[u8])> {
    let (prefix, index) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let rest = &name[prefix.len()..];
    // Lists of access rights have a name of their own; the others need one after the prefix.
    (rest.is_empty() != prefix.ends_with(b".")).then_some((*index, rest))
}

/// Bytes of the extended attributes behind an inode; 0 without any.
fn xattr_len(attributes: &Attributes) -> usize {
    let entry = |(name, value): &crate::disk::tar::Xattr| {
        let name = split_xattr(name).map_or(0, |(_, rest)| rest.len());
        (4 + name + value.len()).next_multiple_of(4)
    };
    match &*attributes.xattrs {
        [] => 0,
        xattrs => XATTR_HEADER + xattrs.iter().map(entry).sum::<usize>(),
    }
}

/// Bytes from an inode's begin to its tail.
pub fn head_len(attributes: &Attributes) -> usize {
    SIZE + xattr_len(attributes)
}

/// The longest tail that can stand behind an inode: both must be in one block.
pub fn room_for_tail(attributes: &Attributes) -> usize {
    BLOCK.saturating_sub(head_len(attributes))
}

impl Inode<'_> {
    /// Appends the inode and its attributes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let xattr_len = xattr_len(self.attributes);
        let xattr_count = if xattr_len == 0 { 0 } else { (xattr_len - XATTR_HEADER) / 4 + 1 };
        let (layout, location) = match self.layout {
            Layout::Blocks(first) => (0, first),
            Layout::BlocksAndTail(first) => (2, first),
            Layout::Device(major, minor) => (0, device_number(major, minor)),
            Layout::Empty => (0, NO_BLOCK),
        };
        let time = self.attributes.mtime;
        out.extend_from_slice(&(1u16 | layout << 1).to_le_bytes());
        out.extend_from_slice(&(xattr_count as u16).to_le_bytes());
        out.extend_from_slice(&(self.type_bits | self.attributes.mode).to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.size.to_le_bytes());
        out.extend_from_slice(&location.to_le_bytes());
        out.extend_from_slice(&self.serial.to_le_bytes());
        out.extend_from_slice(&self.attributes.uid.to_le_bytes());
        out.extend_from_slice(&self.attributes.gid.to_le_bytes());
        out.extend_from_slice(&time.seconds.to_le_bytes());
        out.extend_from_slice(&time.nanos.to_le_bytes());
        out.extend_from_slice(&self.links.to_le_bytes());
        out.extend_from_slice(&[0; 16]);
        self.encode_xattrs(out);
    }

    fn encode_xattrs(&self, out: &mut Vec<u8>) {
        if self.attributes.xattrs.is_empty() {
            return;
        }
        out.extend_from_slice(&[0; XATTR_HEADER]);
        for (name, value) in &self.attributes.xattrs {
            let (index, name) = split_xattr(name).unwrap_or((0, name));
            out.extend_from_slice(&[name.len() as u8, index]);
            out.extend_from_slice(&(value.len() as u16).to_le_bytes());
            out.extend_from_slice(name);
            out.extend_from_slice(value);
            out.resize(out.len() + (4 + name.len() + value.len()).wrapping_neg() % 4, 0);
        }
    }
}

/// The kernel's own form of a device number.
fn device_number(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | major << 8 | (minor & !0xff) << 12
}

/// Slots that so many bytes take.
pub fn slots(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(SLOT)
}

//! The contents of a directory: blocks of entries, in the byte order of their names.
//!
//! A block holds its entries (12 bytes each), then their names; the first entry's name offset tells
//! how many there are. No name crosses a block.

use super::BLOCK;

const ENTRY: usize = 12;

/// What an entry points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FileType {
    Regular = 1,
    Directory = 2,
    CharDevice = 3,
    BlockDevice = 4,
    Fifo = 5,
    Symlink = 7,
}

/// How many entries go to one block, for each block.
fn blocks<'a>(names: impl Iterator<Item = &'a [u8]>) -> Vec<(usize, usize)> {
    let mut blocks = Vec::new();
    let (mut count, mut bytes) = (0, 0);
    for name in names {
        let need = ENTRY + name.len();
        if bytes + need > BLOCK {
            blocks.push((count, bytes));
            (count, bytes) = (0, 0);
        }
        (count, bytes) = (count + 1, bytes + need);
    }
    blocks.push((count, bytes));
    blocks
}

/// Bytes that the entries of these names (sorted, with `.` and `..`) take.
pub fn len<'a>(names: impl Iterator<Item = &'a [u8]>) -> usize {
    let blocks = blocks(names);
    (blocks.len() - 1) * BLOCK + blocks.last().map_or(0, |(_, bytes)| *bytes)
}

/// The contents: full blocks, and a last one that ends with its last name.
pub fn encode(entries: &[(&[u8], u64, FileType)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = entries;
    for (count, _) in blocks(entries.iter().map(|(name, ..)| *name)) {
        let (block, later) = rest.split_at(count);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        encode_block(block, &mut out);
        rest = later;
    }
    out
}

fn encode_block(entries: &[(&[u8], u64, FileType)], out: &mut Vec<u8>) {
    let mut name_offset = entries.len() * ENTRY;
    for (name, inode, file_type) in entries {
        out.extend_from_slice(&inode.to_le_bytes());
        out.extend_from_slice(&(name_offset as u16).to_le_bytes());
        out.extend_from_slice(&[*file_type as u8, 0]);
        name_offset += name.len();
    }
    for (name, ..) in entries {
        out.extend_from_slice(name);
    }
}

//! From a tree and its data to a finished disk.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
};

use nix::fcntl::{FallocateFlags, fallocate};
use sha2::{Digest, Sha256};

use super::{
    BLOCK, SLOT,
    inode::{Inode, Layout},
    plan::Plan,
    superblock::Superblock,
};
use crate::disk::{
    data::{DataArea, Tail, Tails},
    tree::{self, InodeId, Node, Tree},
};

/// What was written.
pub struct Written {
    pub file: File,
    /// Length of the disk, in bytes.
    pub bytes: u64,
    /// Inodes on it.
    pub inodes: u64,
}

/// Writes the directories and inodes behind the data, then the superblock; the data of files that
/// are not in the tree any more becomes holes. Does not sync.
pub fn write(tree: &Tree, mut data: DataArea) -> io::Result<Written> {
    let plan = Plan::new(tree);
    let directories = plan.directory_blocks(tree, &mut data)?;
    let (file, data_end, tails) = data.finish()?;
    punch_holes(&file, tree, &plan)?;
    let meta_block = block_number(data_end)?;
    let uuid = write_metadata(&file, data_end, tree, &plan, &directories, &tails)?;
    let bytes = data_end + plan.metadata_bytes;
    file.set_len(bytes)?;
    let superblock = Superblock {
        root: plan.number(tree::ROOT),
        inodes: plan.order.len() as u64,
        blocks: block_number(bytes)?,
        meta_block,
        uuid,
    };
    file.write_all_at(&superblock.to_block(), 0)?;
    Ok(Written { file, bytes, inodes: plan.order.len() as u64 })
}

fn block_number(offset: u64) -> io::Result<u32> {
    u32::try_from(offset / BLOCK as u64)
        .map_err(|_| io::Error::new(io::ErrorKind::FileTooLarge, "the disk would pass 16 TiB"))
}

/// Writes inodes in the order of their numbers; a UUID made of all that was written, so that equal
/// images have equal disks.
fn write_metadata(
    file: &File,
    start: u64,
    tree: &Tree,
    plan: &Plan,
    first_blocks: &[u32],
    tails: &Tails,
) -> io::Result<[u8; 16]> {
    let mut by_number: Vec<usize> = (0..plan.order.len()).collect();
    by_number.sort_unstable_by_key(|&position| plan.number(plan.order[position]));
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.seek(SeekFrom::Start(start))?;
    let (mut hasher, mut written, mut record) = (Sha256::new(), 0, Vec::new());
    for position in by_number {
        let id = plan.order[position];
        let offset = plan.number(id) * SLOT;
        record.clear();
        record.resize((offset - written) as usize, 0);
        encode(id, position, tree, plan, first_blocks[position], tails, &mut record)?;
        hasher.update(&record);
        out.write_all(&record)?;
        written += record.len() as u64;
    }
    out.flush()?;
    let mut uuid: [u8; 16] = hasher.finalize()[..16].try_into().unwrap_or_default();
    // Version 8: made by us. The variant is that of RFC 9562.
    (uuid[6], uuid[8]) = (uuid[6] & 0x0f | 0x80, uuid[8] & 0x3f | 0x80);
    Ok(uuid)
}

fn encode(
    id: InodeId,
    position: usize,
    tree: &Tree,
    plan: &Plan,
    first_block: u32,
    tails: &Tails,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let node = tree.inode(id);
    let tail = plan.tail_len(tree, id);
    let in_blocks = |first| if tail > 0 { Layout::BlocksAndTail(first) } else { Layout::Blocks(first) };
    let (size, layout) = match &node.node {
        Node::Directory(_) => (plan.directory_len(id) as u64, in_blocks(first_block)),
        Node::Symlink(target) => (target.len() as u64, in_blocks(first_block)),
        Node::File(content) if content.size == 0 => (0, Layout::Empty),
        Node::File(content) => (content.size, in_blocks(content.first_block)),
        Node::CharDevice(major, minor) | Node::BlockDevice(major, minor) => {
            (0, Layout::Device(*major, *minor))
        }
        Node::Fifo => (0, Layout::Empty),
    };
    let inode = Inode {
        attributes: &node.attributes,
        type_bits: type_bits(&node.node),
        size,
        links: plan.links(id),
        serial: position as u32 + 1,
        layout,
    };
    inode.encode(out);
    match &node.node {
        Node::File(content) => {
            if let Tail::Apart(offset) = content.tail {
                let start = out.len();
                out.resize(start + tail, 0);
                tails.read(offset, &mut out[start..])?;
            }
        }
        _ if tail > 0 => {
            let contents = plan.contents(tree, id);
            out.extend_from_slice(&contents[contents.len() - tail..]);
        }
        _ => {}
    }
    Ok(())
}

/// Gives the blocks of files that later layers hid back to the host's file system. Where it has no
/// holes they are only wasted; nothing points at them.
fn punch_holes(file: &File, tree: &Tree, plan: &Plan) -> io::Result<()> {
    for id in tree.ids().filter(|&id| !plan.is_live(id)) {
        let Node::File(content) = &tree.inode(id).node else { continue };
        if content.blocks() == 0 {
            continue;
        }
        let (start, length) = (u64::from(content.first_block), content.blocks());
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let block = BLOCK as i64;
        match fallocate(file, flags, start as i64 * block, length as i64 * block) {
            Err(nix::errno::Errno::EOPNOTSUPP) => return Ok(()),
            result => result?,
        }
    }
    Ok(())
}

fn type_bits(node: &Node) -> u16 {
    match node {
        Node::Directory(_) => 0o040_000,
        Node::File(_) => 0o100_000,
        Node::Symlink(_) => 0o120_000,
        Node::CharDevice(..) => 0o020_000,
        Node::BlockDevice(..) => 0o060_000,
        Node::Fifo => 0o010_000,
    }
}

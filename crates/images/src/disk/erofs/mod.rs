//! Writes EROFS, the kernel's read-only file system.
//!
//! What is used of it: blocks of 4 KiB, no compression, extended inodes (64-bit sizes, nanosecond
//! times), inline extended attributes, contents flat, their tails beside the inode. Every Linux
//! since 5.4 reads that.
//!
//! ```text
//!  block 0     file data, in order of arrival   directory data    inodes, attributes, tails
//!  [ 1 KiB | superblock ] [ ............... ] [ ........... ] [ meta_blkaddr: slots of 32 bytes ]
//! ```
//!
//! An inode's number is its slot. The first slot stays empty, so that no inode has number 0, which
//! programs that list directories take for a deleted file.
//!
//! Format: Linux, `Documentation/filesystems/erofs.rst` and `fs/erofs/erofs_fs.h`.

mod dirent;
mod inode;
mod place;
mod plan;
mod superblock;
mod write;

pub use inode::{room_for_tail, xattr_is_known};
pub use write::{Written, write};

/// Bytes of a block.
pub const BLOCK: usize = 4096;

/// Bytes of a slot: inodes begin at multiples of it.
const SLOT: u64 = 32;

/// Blocks before the first one of data.
pub const FIRST_DATA_BLOCK: u32 = 1;

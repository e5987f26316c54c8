//! The superblock: 128 bytes at 1024, and its checksum.

use super::BLOCK;

const OFFSET: usize = 1024;
const MAGIC: u32 = 0xe0f5_e1e2;

/// The checksum is there; times of inodes are modification times.
const FEATURE_COMPAT: u32 = 0x1 | 0x2;

/// What differs from one disk to another.
pub struct Superblock {
    pub root: u64,
    pub inodes: u64,
    pub blocks: u32,
    pub meta_block: u32,
    /// Names the contents, as a file system's UUID.
    pub uuid: [u8; 16],
}

impl Superblock {
    /// Block 0 of the disk.
    pub fn to_block(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| {
            block[OFFSET + at..OFFSET + at + bytes.len()].copy_from_slice(bytes);
        };
        put(0, &MAGIC.to_le_bytes());
        put(8, &FEATURE_COMPAT.to_le_bytes());
        put(12, &[BLOCK.trailing_zeros() as u8]);
        put(14, &(self.root as u16).to_le_bytes());
        put(16, &self.inodes.to_le_bytes());
        put(36, &self.blocks.to_le_bytes());
        put(40, &self.meta_block.to_le_bytes());
        put(48, &self.uuid);
        let checksum = crc32c(&block[OFFSET..]);
        block[OFFSET + 4..OFFSET + 8].copy_from_slice(&checksum.to_le_bytes());
        block
    }
}

/// CRC-32C from all ones, not inverted at the end. A few KiB once a disk: no table.
fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let bit = |crc: u32, _| (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
    bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), bit))
}

#[cfg(test)]
mod tests {
    #[test]
    fn crc32c_gives_its_check_value() {
        assert_eq!(!super::crc32c(b"123456789"), 0xe306_9283);
    }
}

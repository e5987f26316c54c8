//! Finds each inode a place in the metadata area.
//!
//! An inode with its attributes and tail must not cross a block. The places left in the last few
//! blocks are kept open for small inodes, which fills blocks to 98 % on real images.

use super::{BLOCK, SLOT, inode::slots};

/// Blocks that still take inodes. More would fill them no better and cost a search each.
const OPEN_BLOCKS: usize = 16;

const SLOTS_IN_BLOCK: u64 = BLOCK as u64 / SLOT;

/// Hands out slots.
pub struct Places {
    /// First free slot and free slots of a block.
    open: Vec<(u64, u64)>,
    /// First slot of the next block.
    end: u64,
}

impl Places {
    /// The first slot is not given away: inode numbers begin at 1.
    pub fn new() -> Self {
        Self { open: vec![(1, SLOTS_IN_BLOCK - 1)], end: SLOTS_IN_BLOCK }
    }

    /// The first slot of a place of so many bytes: within one block, or, if they are more than that,
    /// from the begin of a block on.
    pub fn take(&mut self, bytes: usize) -> u64 {
        let need = slots(bytes);
        if need > SLOTS_IN_BLOCK {
            let first = self.end;
            self.end += need.next_multiple_of(SLOTS_IN_BLOCK);
            return first;
        }
        let fits = |&(_, (_, free)): &(usize, &(u64, u64))| *free >= need;
        let best = self.open.iter().enumerate().filter(fits).min_by_key(|(_, (_, free))| *free);
        let index = match best.map(|(index, _)| index) {
            Some(index) => index,
            None => self.new_block(),
        };
        let (first, free) = &mut self.open[index];
        let place = *first;
        (*first, *free) = (*first + need, *free - need);
        place
    }

    fn new_block(&mut self) -> usize {
        if self.open.len() == OPEN_BLOCKS {
            let fullest = (0..OPEN_BLOCKS).min_by_key(|&i| self.open[i].1).unwrap_or(0);
            self.open.swap_remove(fullest);
        }
        self.open.push((self.end, SLOTS_IN_BLOCK));
        self.end += SLOTS_IN_BLOCK;
        self.open.len() - 1
    }

    /// Bytes of the whole area.
    pub fn len(&self) -> u64 {
        self.end * SLOT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_never_overlap_nor_cross_a_block() {
        let mut places = Places::new();
        let mut taken = std::collections::HashSet::new();
        for i in 0..5000usize {
            let bytes = 64 + (i * 7919) % 6000;
            let (first, need) = (places.take(bytes), slots(bytes));
            assert!(first >= 1 && first + need <= places.len() / SLOT);
            assert!(need > SLOTS_IN_BLOCK || first / SLOTS_IN_BLOCK == (first + need - 1) / SLOTS_IN_BLOCK);
            assert!((first..first + need).all(|slot| taken.insert(slot)));
        }
    }
}

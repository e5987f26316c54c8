//! Memory of connections that were parked, given back to the kernel.
//!
//! The allocator keeps what they free for the next connections. Where all of a burst of connections falls silent that
//! is most of what the process has.

/// Connections that are parked before it is worth a walk through the heap, while more are being parked and when that
/// has come to an end; and the part of all that are.
const AT_LEAST: usize = 256;
const AT_THE_END: usize = 32;
const PART: usize = 8;

/// Counts connections; the walk, which takes longer the more there are, stays a small part of what parking costs.
#[derive(Debug, Default)]
pub(super) struct Freed {
    count: usize,
    /// At the last look.
    seen: usize,
}

impl Freed {
    /// One more was parked.
    pub fn note(&mut self) {
        self.count += 1;
    }

    /// Whether it is time to give memory back; counts anew then.
    pub fn is_due(&mut self, parked: usize) -> bool {
        let ended = self.count == self.seen && self.count >= AT_THE_END;
        let due = ended || self.count >= AT_LEAST.max(parked / PART);
        if due {
            self.count = 0;
        }
        self.seen = self.count;
        due
    }
}

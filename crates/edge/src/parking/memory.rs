//! Memory of connections that were parked, given back to the kernel.
//!
//! What they free lies between what others still use, and glibc keeps such memory for itself. Where all of a burst of
//! connections falls silent that is most of what the process has.

/// Connections that are parked before it is worth a walk through the heap; and the part of all that are.
const AT_LEAST: usize = 256;
const PART: usize = 8;

/// Counts connections; the walk, which takes longer the more there are, stays a small part of what parking costs.
#[derive(Debug, Default)]
pub(super) struct Freed(usize);

impl Freed {
    /// One more was parked.
    pub fn note(&mut self) {
        self.0 += 1;
    }

    /// Whether it is time to give memory back; counts anew then.
    pub fn is_due(&mut self, parked: usize) -> bool {
        let due = self.0 >= AT_LEAST.max(parked / PART);
        if due {
            self.0 = 0;
        }
        due
    }
}

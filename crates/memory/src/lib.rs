//! The allocator of processes that carry traffic; each names it in its `main.rs`.
//!
//! A request takes and frees some thirty pieces of memory, all on one thread. mimalloc keeps those of a thread and of one
//! size together, so that either costs a few instructions, and pages fall free as a whole when what was on them has
//! gone. Large pieces are few, and of a size each: kept together they would hold whole pages for one that is left, so
//! they are the system's.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ptr,
};

use mimalloc::MiMalloc;

/// Larger pieces are the system's: room for bodies, and the tables of connections.
const LARGE: usize = 16 * 1024;

pub struct Allocator;

fn is_large(size: usize) -> bool {
    size > LARGE
}

// SAFETY: whose a piece is, its size alone says, which callers give again; all else is as the two promise.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        unsafe { if is_large(layout.size()) { System.alloc(layout) } else { MiMalloc.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        unsafe {
            if is_large(layout.size()) { System.alloc_zeroed(layout) } else { MiMalloc.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: it was allocated with this layout, and so by the same of the two.
        unsafe {
            if is_large(layout.size()) {
                System.dealloc(piece, layout)
            } else {
                MiMalloc.dealloc(piece, layout)
            }
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; a piece that changes hands is copied, as far as both sizes go.
        unsafe {
            match (is_large(layout.size()), is_large(size)) {
                (true, true) => System.realloc(piece, layout, size),
                (false, false) => MiMalloc.realloc(piece, layout, size),
                _ => {
                    let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                    if !moved.is_null() {
                        ptr::copy_nonoverlapping(piece, moved, layout.size().min(size));
                        self.dealloc(piece, layout);
                    }
                    moved
                }
            }
        }
    }
}

/// Gives pages that nobody uses back to the kernel: small pieces of this thread and of threads that have ended, large ones
/// of all.
pub fn give_back() {
    // SAFETY: calls without pointers, safe from any thread.
    unsafe {
        libmimalloc_sys::mi_collect(true);
        #[cfg(target_env = "gnu")]
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Allocator = Allocator;

    #[test]
    fn what_was_written_is_there_after_every_growth_and_loss() {
        let mut bytes = Vec::new();
        for size in [1, 100, LARGE, LARGE + 1, 4 * LARGE, LARGE + 1, LARGE, 3 * LARGE, 10, 1] {
            let kept = bytes.len().min(size);
            let before: Vec<u8> = bytes[..kept].to_vec();
            bytes.resize(size, size as u8);
            bytes.shrink_to_fit();
            assert_eq!(bytes[..kept], before);
            assert!(bytes[kept..].iter().all(|byte| *byte == size as u8));
            assert_eq!(vec![0_u8; size].iter().max(), Some(&0));
        }
        give_back();
    }
}

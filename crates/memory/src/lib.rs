//! The allocator of processes that carry traffic; each names it in its `main.rs`.
//!
//! A request takes and frees some thirty pieces of memory, all on one thread. mimalloc keeps those of a thread and of one
//! size together, so that either costs a few instructions, and pages fall free as a whole when what was on them has
//! gone.

use std::{
    alloc::{GlobalAlloc, Layout},
    ffi::c_void,
};

use libmimalloc_sys as mi;

/// mimalloc. Its calls for an alignment are only for what is not aligned by itself: they take a byte more than they are asked for,
/// past 4 KiB, and a slower way.
#[derive(Debug, Clone, Copy)]
pub struct Allocator;

/// What every piece is aligned to that is as large (`MI_MAX_ALIGN_SIZE`).
const ALIGNED: usize = 16;

fn is_aligned_anyway(layout: Layout) -> bool {
    layout.align() <= ALIGNED && layout.align() <= layout.size()
}

// SAFETY: mimalloc's pieces are of the size that was asked for and aligned as is said above, or as it is asked; it is
// told of the same pieces that it has given.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: any size and any power of two will do.
        let piece = unsafe {
            if is_aligned_anyway(layout) {
                mi::mi_malloc(layout.size())
            } else {
                mi::mi_malloc_aligned(layout.size(), layout.align())
            }
        };
        piece.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let piece = unsafe {
            if is_aligned_anyway(layout) {
                mi::mi_zalloc(layout.size())
            } else {
                mi::mi_zalloc_aligned(layout.size(), layout.align())
            }
        };
        piece.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, _: Layout) {
        // SAFETY: the caller has it from one of the others.
        unsafe { mi::mi_free(piece.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let piece = piece.cast::<c_void>();
        // SAFETY: the caller has it from one of the others, and says how it is aligned.
        let moved = unsafe {
            if is_aligned_anyway(layout) && layout.align() <= size {
                mi::mi_realloc(piece, size)
            } else {
                mi::mi_realloc_aligned(piece, size, layout.align())
            }
        };
        moved.cast()
    }
}

/// Gives pages that nobody uses back to the kernel: those of this thread, and of threads that have ended.
pub fn give_back() {
    // SAFETY: a call without pointers, safe from any thread.
    unsafe { mi::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_aligned_as_they_are_asked_for_also_when_they_are_moved() {
        for align in (0..13).map(|power| 1 << power) {
            for size in [1, 7, 8, 9, 15, 16, 17, 100, 1000, 4095, 4096, 4097, 100_000, 3_000_000] {
                let layout = Layout::from_size_align(size, align).unwrap();
                let moved = Layout::from_size_align(size * 3 / 2, align).unwrap();
                // SAFETY: each piece is used within its size, and freed once.
                unsafe {
                    let piece = Allocator.alloc(layout);
                    assert!(piece.addr().is_multiple_of(align), "{size} by {align}");
                    piece.write_bytes(7, size);
                    let piece = Allocator.realloc(piece, layout, moved.size());
                    assert!(piece.addr().is_multiple_of(align), "{size} by {align}, moved");
                    assert!((0..size).all(|at| piece.add(at).read() == 7));
                    Allocator.dealloc(piece, moved);
                    let piece = Allocator.alloc_zeroed(layout);
                    assert!(
                        piece.addr().is_multiple_of(align) && (0..size).all(|at| piece.add(at).read() == 0)
                    );
                    Allocator.dealloc(piece, layout);
                }
            }
        }
    }
}

//! The allocator of processes that carry traffic; each names it in its `main.rs`.
//!
//! A request takes and frees some thirty pieces of memory, all on one thread. mimalloc keeps those of a thread and of one
//! size together, so that either costs a few instructions, and pages fall free as a whole when what was on them has
//! gone.

pub use mimalloc::MiMalloc as Allocator;

/// Gives pages that nobody uses back to the kernel: those of this thread, and of threads that have ended.
pub fn give_back() {
    // SAFETY: a call without pointers, safe from any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

//! What is under way on one connection, as told by its requests, its answers and its reads and writes.
//!
//! hyper does not say whether it is between two requests. It is when all of this holds: every request and answer has
//! been dropped, what was written has been flushed, and it waits for something to read.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// All but the end of a request, which may be with an app on another thread, happens on the connection's own: what is
/// counted there alone is counted without locks of the bus.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Halves of exchanges (a request with its body, an answer with its) that have not ended.
    open: AtomicU32,
    /// Exchanges so far, and those of which the last byte is on its way.
    begun: AtomicU64,
    settled: AtomicU64,
    bytes_read: AtomicU64,
    flushed: AtomicBool,
    waits_to_read: AtomicBool,
    given_up: AtomicBool,
}

/// Half of an exchange; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Entry(Arc<Ledger>);

/// How far a connection has come; the same for as long as nothing comes from its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub exchanges: u64,
    bytes_read: u64,
}

impl Ledger {
    /// A request has come.
    pub fn begin(self: &Arc<Self>) -> Entry {
        self.begun.store(self.begun.load(Relaxed) + 1, Relaxed);
        Entry::of(self)
    }

    pub fn has_read(&self, bytes: usize) {
        self.bytes_read.store(self.bytes_read.load(Relaxed) + bytes as u64, Relaxed);
        self.waits_to_read.store(false, Relaxed);
    }

    pub fn waits_to_read(&self) {
        self.waits_to_read.store(true, Relaxed);
    }

    pub fn writes(&self) {
        self.flushed.store(false, Relaxed);
    }

    pub fn has_flushed(&self) {
        self.flushed.store(true, Relaxed);
        if self.is_closed() {
            self.settled.store(self.begun.load(Relaxed), Relaxed);
        }
    }

    /// Its client does not take its answers.
    pub fn is_given_up(&self) {
        self.given_up.store(true, Relaxed);
    }

    /// No answer is owed, so that what hyper writes now is what it has to say about a request that it cannot read.
    pub fn owes_nothing(&self) -> bool {
        self.begun.load(Relaxed) == self.settled.load(Relaxed)
    }

    /// Every exchange has ended; hyper may not have noticed.
    pub fn is_closed(&self) -> bool {
        self.open.load(Relaxed) == 0
    }

    /// Between two requests, or before the first; a part of the next may be here. To be asked right after hyper was
    /// polled, when it was closed before that.
    pub fn is_quiet(&self) -> bool {
        self.is_closed() && self.flushed.load(Relaxed) && self.waits_to_read.load(Relaxed)
    }

    pub fn mark(&self) -> Mark {
        Mark { exchanges: self.begun.load(Relaxed), bytes_read: self.bytes_read.load(Relaxed) }
    }
}

impl Entry {
    fn of(ledger: &Arc<Ledger>) -> Self {
        ledger.open.fetch_add(1, Relaxed);
        Self(ledger.clone())
    }

    /// The connection is another protocol's from now on: it never ends.
    pub fn stays_open(&self) {
        self.0.open.fetch_add(1, Relaxed);
    }

    /// The connection was given up, for its client did not take what it was sent.
    pub fn was_given_up(&self) -> bool {
        self.0.given_up.load(Relaxed)
    }
}

impl Clone for Entry {
    fn clone(&self) -> Self {
        Self::of(&self.0)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

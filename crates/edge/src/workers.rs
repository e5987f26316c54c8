//! The threads that carry connections: an event loop each.
//!
//! Everything of a connection happens on the thread that accepted it: TLS, its requests, the connections to machines
//! that they use. So nothing wakes another thread, and what is kept for later ([`crate::pool`]) is kept by the thread
//! that will use it. The edge's other work (sleep, certificates, UDP) stays with whoever called [`crate::serve`].

use std::{
    cell::Cell,
    io,
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
    thread,
};

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

thread_local! {
    static INDEX: Cell<usize> = const { Cell::new(0) };
}

/// The event loops; they end, and what still runs on them with them, when this is dropped.
pub(crate) struct Workers {
    loops: Vec<Handle>,
    _running: DropGuard,
}

impl Workers {
    pub fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let ended = CancellationToken::new();
        let loops = (0..threads.get()).map(|index| start(index, ended.clone()));
        Ok(Self { loops: loops.collect::<io::Result<_>>()?, _running: ended.drop_guard() })
    }

    pub fn loops(&self) -> Vec<Handle> {
        self.loops.clone()
    }
}

/// Which event loops an edge has, for those who look whether they turn; clones are handles.
#[derive(Debug, Clone, Default)]
pub struct Loops(Arc<OnceLock<Vec<Handle>>>);

impl Loops {
    /// None before the edge has started.
    pub fn handles(&self) -> &[Handle] {
        self.0.get().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn are(&self, loops: Vec<Handle>) {
        let _ = self.0.set(loops);
    }
}

/// The number of the thread that this is called on; 0 on those that are no workers.
pub(crate) fn current() -> usize {
    INDEX.get()
}

fn start(index: usize, ended: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(format!("edge-{index}")).spawn(move || {
        INDEX.set(index);
        runtime.block_on(ended.cancelled());
        runtime.shutdown_background();
    })?;
    Ok(handle)
}

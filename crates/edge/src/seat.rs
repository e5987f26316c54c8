//! A connection's places, from its acceptance until its socket is closed, whatever is spoken on it: in the edge, among
//! those of its client's address, and among those of its app.
//!
//! A connection is the app's whose port or address it came to, or else the app's of its latest request: one whose
//! requests are for several apps (HTTP/2 and proxies in front do that) is counted once, by the last of them. Until its
//! first request it is nobody's. Asking again for the same app costs a comparison.
//!
//! What passes is added to the app's counters in pieces, so that reads and writes do not share memory with other threads.

use std::{
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::Relaxed},
    },
};

use roost_routing::{ClientPlace, Traffic};
use tokio::sync::OwnedSemaphorePermit;

use crate::arrivals;

/// Bytes of a connection, each way, that its app's counters do not know yet.
pub(crate) const PIECE: u64 = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Seat {
    /// The app's counters, to be compared with: `place` has them.
    app: AtomicPtr<Traffic>,
    place: Mutex<Option<ClientPlace>>,
    turned_away: AtomicBool,
    received: AtomicU64,
    sent: AtomicU64,
    _of_edge: OwnedSemaphorePermit,
    _of_client: arrivals::Place,
}

/// The app has as many connections as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoPlace {
    pub most: u32,
}

impl Seat {
    pub fn new(of_edge: OwnedSemaphorePermit, of_client: arrivals::Place) -> Arc<Self> {
        Arc::new(Self {
            app: AtomicPtr::default(),
            place: Mutex::default(),
            turned_away: AtomicBool::new(false),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            _of_edge: of_edge,
            _of_client: of_client,
        })
    }

    /// Makes the connection this app's, which may have as many as `most` says.
    pub fn belong_to(&self, app: &Arc<Traffic>, most: impl FnOnce() -> u32) -> Result<(), NoPlace> {
        if ptr::eq(self.app.load(Relaxed), Arc::as_ptr(app)) {
            return Ok(());
        }
        let mut place = self.lock();
        // Requests of one connection may come at once.
        if place.as_ref().is_some_and(|place| place.is_of(app)) {
            return Ok(());
        }
        let most = most();
        let Some(taken) = ClientPlace::take(app, most) else {
            self.turned_away.store(true, Relaxed);
            return Err(NoPlace { most });
        };
        taken.clients().begun.fetch_add(1, Relaxed);
        self.leave(&mut place);
        self.app.store(Arc::as_ptr(app).cast_mut(), Relaxed);
        *place = Some(taken);
        Ok(())
    }

    /// An app had no place for the connection: it is to end, so that its place in the edge becomes free.
    pub fn is_turned_away(&self) -> bool {
        self.turned_away.load(Relaxed)
    }

    pub fn received(&self, bytes: u64) {
        self.add(&self.received, bytes);
    }

    pub fn sent(&self, bytes: u64) {
        self.add(&self.sent, bytes);
    }

    /// Tells the app's counters of all that has passed.
    pub fn settle(&self) {
        if let Some(place) = &*self.lock() {
            self.tell(place);
        }
    }

    /// One thread at a time moves a connection's bytes.
    fn add(&self, count: &AtomicU64, bytes: u64) {
        let sum = count.load(Relaxed) + bytes;
        count.store(sum, Relaxed);
        if sum >= PIECE {
            self.settle();
        }
    }

    fn tell(&self, place: &ClientPlace) {
        place.clients().carried(self.received.swap(0, Relaxed), self.sent.swap(0, Relaxed));
    }

    fn leave(&self, place: &mut Option<ClientPlace>) {
        if let Some(place) = place.take() {
            self.tell(&place);
            place.clients().ended.fetch_add(1, Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ClientPlace>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave(&mut self.lock());
    }
}

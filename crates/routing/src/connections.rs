//! Connections of an app's clients, as one node counts them: how many there are now, and what has passed on them.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use crate::Traffic;

/// Those of TCP and QUIC, and flows of UDP.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicU32,
    /// Those of TCP and QUIC.
    pub begun: AtomicU64,
    pub ended: AtomicU64,
    /// Those of all kinds for which there was no place.
    pub refused: AtomicU64,
    /// Bytes from clients, and to them.
    pub received: AtomicU64,
    pub sent: AtomicU64,
}

/// An app's place for one connection, given back when this is dropped.
#[derive(Debug)]
pub struct ClientPlace(Arc<Traffic>);

impl Connections {
    /// That are open now.
    pub fn open(&self) -> u32 {
        self.open.load(Relaxed)
    }

    /// Counts bytes.
    pub fn carried(&self, received: u64, sent: u64) {
        self.received.fetch_add(received, Relaxed);
        self.sent.fetch_add(sent, Relaxed);
    }
}

impl ClientPlace {
    /// One more, unless there are `most` already.
    pub fn take(app: &Arc<Traffic>, most: u32) -> Option<Self> {
        let clients = &app.counts().clients;
        if clients.open.fetch_add(1, Relaxed) >= most {
            clients.open.fetch_sub(1, Relaxed);
            clients.refused.fetch_add(1, Relaxed);
            return None;
        }
        Some(Self(app.clone()))
    }

    /// Whether it is this app's.
    pub fn is_of(&self, app: &Arc<Traffic>) -> bool {
        Arc::ptr_eq(&self.0, app)
    }

    /// All of the app's.
    pub fn clients(&self) -> &Connections {
        &self.0.counts().clients
    }
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        self.clients().open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_connections_than_places() {
        let app = Arc::new(Traffic::default());
        let held: Vec<_> = std::iter::from_fn(|| ClientPlace::take(&app, 3)).take(10).collect();
        assert_eq!((held.len(), app.counts().clients.open()), (3, 3));
        drop(held);
        assert!(ClientPlace::take(&app, 0).is_none());
        assert_eq!((app.counts().clients.open(), app.counts().clients.refused.load(Relaxed)), (0, 2));
    }
}

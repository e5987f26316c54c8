//! HTTP/2 connections to machines, kept for as long as they are used: one for each port of a machine, more
//! where its streams do not suffice.
//!
//! Requests that find no room dial one connection together, however many they are. Unlike what [`crate::pool`] keeps,
//! a connection is used by all of the edge's threads: apps see as few as their streams allow.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::time::Instant;

use crate::{
    backend::{Http2, Stream},
    failure::Failure,
    limits::{CONNECTIONS_PER_PORT, IDLE_CONNECTION},
    pool::PoolKey,
};

type Dialing = Shared<BoxFuture<'static, Result<Http2, Failure>>>;

/// The connections by port; the lock is held for a look-up, never across a wait.
#[derive(Default)]
pub(crate) struct SharedConnections(Mutex<HashMap<PoolKey, Kept>>);

#[derive(Default)]
struct Kept {
    open: Vec<Open>,
    dialing: Option<Dialing>,
}

struct Open {
    connection: Http2,
    used: Instant,
}

enum Found {
    Stream(Stream),
    Dialing(Dialing),
}

impl SharedConnections {
    /// A stream to the machine; `dial` makes one more connection when those that there are have no room.
    pub async fn stream<D>(&self, key: &PoolKey, dial: impl Fn() -> D) -> Result<Stream, Failure>
    where
        D: Future<Output = Result<Http2, Failure>> + Send + 'static,
    {
        loop {
            let dialing = match self.find(key, &dial) {
                Found::Stream(stream) => return Ok(stream),
                Found::Dialing(dialing) => dialing,
            };
            let dialed = dialing.clone().await;
            self.settle(key, &dialing, &dialed);
            dialed?;
        }
    }

    fn find<D>(&self, key: &PoolKey, dial: impl Fn() -> D) -> Found
    where
        D: Future<Output = Result<Http2, Failure>> + Send + 'static,
    {
        let mut all = self.lock();
        let kept = all.entry(key.clone()).or_default();
        kept.open.retain(|open| open.connection.is_open());
        for open in &mut kept.open {
            if let Some(stream) = open.connection.stream() {
                open.used = Instant::now();
                return Found::Stream(stream);
            }
        }
        if kept.open.len() >= CONNECTIONS_PER_PORT
            && let Some(open) = kept.open.first()
        {
            return Found::Stream(open.connection.queued_stream());
        }
        Found::Dialing(kept.dialing.get_or_insert_with(|| dial().boxed().shared()).clone())
    }

    /// Keeps what was dialed, once.
    fn settle(&self, key: &PoolKey, dialing: &Dialing, dialed: &Result<Http2, Failure>) {
        let mut all = self.lock();
        let kept = all.entry(key.clone()).or_default();
        if kept.dialing.as_ref().is_some_and(|current| current.ptr_eq(dialing)) {
            kept.dialing = None;
            let connection = dialed.as_ref().ok().cloned();
            kept.open.extend(connection.map(|connection| Open { connection, used: Instant::now() }));
        }
    }

    /// Closes what has been idle for too long.
    pub fn sweep(&self) {
        self.lock().retain(|_, kept| {
            kept.open.retain(|open| {
                open.connection.is_open()
                    && (!open.connection.is_idle() || open.used.elapsed() < IDLE_CONNECTION)
            });
            // Nobody waits for it any more.
            if kept.dialing.as_ref().is_some_and(|dialing| dialing.strong_count() == Some(1)) {
                kept.dialing = None;
            }
            !kept.open.is_empty() || kept.dialing.is_some()
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolKey, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Idle HTTP/1.1 connections to machines, kept for the next request of the same thread.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use roost_model::MachineId;
use roost_routing::Target;
use tokio::time::Instant;

use crate::{
    backend::Http1,
    limits::{IDLE_CONNECTION, IDLE_PER_MACHINE},
    workers,
};

/// Threads that have a part of their own, and so a lock that nobody else takes; more share them.
const PARTS: usize = 64;

/// A port of one boot of a machine: connections do not outlive the boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PoolKey {
    machine: MachineId,
    booted: Option<Timestamp>,
    port: u16,
}

struct Idle {
    connection: Box<Http1>,
    since: Instant,
}

type Part = HashMap<PoolKey, Vec<Idle>>;

pub(crate) struct Pool {
    parts: Vec<Mutex<Part>>,
}

impl PoolKey {
    pub fn new(target: &Target, port: u16) -> Self {
        Self { machine: target.id.clone(), booted: target.started_at, port }
    }
}

/// By the machine alone, of which few ports and boots are there at once: each part more would take as long as all of it.
impl Hash for PoolKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.machine.hash(state);
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| Mutex::default()).collect() }
    }
}

impl Pool {
    /// The connection that was used last, if one still lives that was used less than `idle` ago.
    pub fn take(&self, key: &PoolKey, idle: Duration, now: Instant) -> Option<Box<Http1>> {
        loop {
            let last = self.part().get_mut(key)?.pop_if(|last| now.duration_since(last.since) < idle)?;
            let mut connection = last.connection;
            if connection.is_idle() {
                return Some(connection);
            }
        }
    }

    /// Keeps the connection if it can serve again.
    pub fn put(&self, key: PoolKey, mut connection: Box<Http1>) {
        if !connection.is_idle() {
            return;
        }
        let mut part = self.part();
        let kept = part.entry(key).or_default();
        if kept.len() < IDLE_PER_MACHINE {
            kept.push(Idle { connection, since: Instant::now() });
        }
    }

    /// Closes what has been idle for too long.
    pub fn sweep(&self) {
        for part in &self.parts {
            part.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, kept| {
                kept.retain(|idle| idle.since.elapsed() < IDLE_CONNECTION);
                !kept.is_empty()
            });
        }
    }

    fn part(&self) -> MutexGuard<'_, Part> {
        self.parts[workers::current() % PARTS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

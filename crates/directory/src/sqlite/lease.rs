//! When each lease lapses. The file knows only how long they last: after a restart all have their
//! full time again, as with etcd after a change of its leader.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};

use crate::{DirectoryError, LEASE_TTL, LeaseId, Result};

pub struct Leases {
    alive: HashMap<LeaseId, Lease>,
}

struct Lease {
    ttl: Duration,
    lapses: Instant,
}

impl Leases {
    pub fn load(connection: &Connection, now: Instant) -> Result<Self> {
        let mut statement = connection.prepare("SELECT id, ttl_ms FROM lease")?;
        let rows = statement.query_map([], |row| Ok((LeaseId(row.get(0)?), row.get::<_, u64>(1)?)))?;
        let alive = rows
            .map(|row| {
                let (id, ttl_ms) = row?;
                let ttl = Duration::from_millis(ttl_ms);
                Ok((id, Lease { ttl, lapses: now + ttl }))
            })
            .collect::<Result<_>>()?;
        Ok(Self { alive })
    }

    pub fn grant(&mut self, connection: &Connection, ttl: Duration, now: Instant) -> Result<LeaseId> {
        if !LEASE_TTL.contains(&ttl) {
            let (least, most) = (LEASE_TTL.start().as_secs(), LEASE_TTL.end().as_secs());
            return Err(DirectoryError::InvalidRequest(format!("a lease lasts {least} to {most} seconds")));
        }
        connection.execute("INSERT INTO lease (ttl_ms) VALUES (?1)", params![ttl.as_millis() as u64])?;
        let id = LeaseId(connection.last_insert_rowid());
        self.alive.insert(id, Lease { ttl, lapses: now + ttl });
        Ok(id)
    }

    pub fn keep_alive(&mut self, id: LeaseId, now: Instant) -> Result<()> {
        let lease = self.alive.get_mut(&id).ok_or(DirectoryError::LeaseNotFound(id))?;
        lease.lapses = now + lease.ttl;
        Ok(())
    }

    pub fn contains(&self, id: LeaseId) -> bool {
        self.alive.contains_key(&id)
    }

    pub fn forget(&mut self, id: LeaseId) {
        self.alive.remove(&id);
    }

    pub fn lapsed(&self, now: Instant) -> Vec<LeaseId> {
        self.alive.iter().filter(|(_, lease)| lease.lapses <= now).map(|(id, _)| *id).collect()
    }
}

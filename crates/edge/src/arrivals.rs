//! How much one client's address may ask for before anything is known of it: connections at once, and TLS
//! handshakes, which cost the edge more than the client.
//!
//! An IPv6 client is known by its /64, the least that a network is given; a machine by its /112.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use roost_model::MachineAddress;
use tokio::time::Instant;

/// Locks that clients spread over; each is held for a look-up.
const SHARDS: usize = 32;

/// Most that one address may ask for.
#[derive(Debug, Clone, Copy)]
pub struct ClientLimits {
    /// Open connections.
    pub connections: u32,
    /// TLS handshakes in a burst, after which they come back at a tenth of that each second.
    pub handshakes: u32,
}

impl Default for ClientLimits {
    /// Room for an office behind one address, or a busy crawler; far from all that a node has.
    fn default() -> Self {
        Self { connections: 1024, handshakes: 1000 }
    }
}

/// Why a connection was closed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMuch {
    #[error("the client's address has too many connections")]
    Connections,
    #[error("the client's address begins too many TLS handshakes")]
    Handshakes,
}

/// Addresses that have a connection, or had a handshake a moment ago: bounded by the connections that the
/// edge takes in the seconds until an address has its handshakes back.
#[derive(Debug)]
pub(crate) struct Arrivals {
    limits: ClientLimits,
    pub counts: ArrivalCounts,
    shards: Vec<Mutex<HashMap<IpAddr, Seen>>>,
}

/// Of all clients together.
#[derive(Debug, Default)]
pub(crate) struct ArrivalCounts {
    pub connects: AtomicU64,
    pub disconnects: AtomicU64,
    /// Closed at once, because their client had too many.
    pub dropped: AtomicU64,
    pub handshakes_limited: AtomicU64,
}

#[derive(Debug)]
struct Seen {
    connections: u32,
    handshakes: f64,
    refilled: Instant,
}

/// One connection's place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    arrivals: Arc<Arrivals>,
    client: IpAddr,
}

impl Arrivals {
    pub fn new(limits: ClientLimits) -> Arc<Self> {
        let counts = ArrivalCounts::default();
        Arc::new(Self { limits, counts, shards: (0..SHARDS).map(|_| Mutex::default()).collect() })
    }

    /// Counts a connection in, if there is room for one more of this client.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Place, TooMuch> {
        let client = client_of(address);
        let mut shard = self.shard(client);
        let seen = shard.entry(client).or_insert_with(|| Seen::new(self.limits));
        if seen.connections >= self.limits.connections {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return Err(TooMuch::Connections);
        }
        seen.connections += 1;
        drop(shard);
        self.counts.connects.fetch_add(1, Ordering::Relaxed);
        Ok(Place { arrivals: Arc::clone(self), client })
    }

    /// Counts a handshake, if this client has one left.
    pub fn handshake(&self, address: IpAddr) -> Result<(), TooMuch> {
        let client = client_of(address);
        let mut shard = self.shard(client);
        let seen = shard.entry(client).or_insert_with(|| Seen::new(self.limits));
        seen.refill(self.limits);
        if seen.handshakes < 1.0 {
            self.counts.handshakes_limited.fetch_add(1, Ordering::Relaxed);
            return Err(TooMuch::Handshakes);
        }
        seen.handshakes -= 1.0;
        Ok(())
    }

    /// Forgets clients of whom there is nothing to remember.
    pub fn sweep(&self) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, seen| {
                seen.refill(self.limits);
                seen.connections > 0 || seen.handshakes < f64::from(self.limits.handshakes)
            });
        }
    }

    fn shard(&self, client: IpAddr) -> MutexGuard<'_, HashMap<IpAddr, Seen>> {
        self.shards[shard_of(client)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn new(limits: ClientLimits) -> Self {
        Self { connections: 0, handshakes: f64::from(limits.handshakes), refilled: Instant::now() }
    }

    fn refill(&mut self, limits: ClientLimits) {
        let now = Instant::now();
        let most = f64::from(limits.handshakes);
        let back = now.duration_since(self.refilled).as_secs_f64() * most / 10.0;
        self.handshakes = (self.handshakes + back).min(most);
        self.refilled = now;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.arrivals.counts.disconnects.fetch_add(1, Ordering::Relaxed);
        if let Some(seen) = self.arrivals.shard(self.client).get_mut(&self.client) {
            seen.connections = seen.connections.saturating_sub(1);
        }
    }
}

/// Whoever shares a lock with others on purpose gains nothing: unlike the maps', this hash is no secret.
fn shard_of(client: IpAddr) -> usize {
    let bits = match client {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let folded = (bits >> 64) as u64 ^ bits as u64;
    // By the golden ratio: neighbours are spread over all locks.
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % SHARDS
}

fn client_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) if let Some(machine) = MachineAddress::of(v6) => machine.prefix().into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: ClientLimits = ClientLimits { connections: 2, handshakes: 10 };

    #[test]
    fn a_place_comes_back_when_its_connection_ends() {
        let arrivals = Arrivals::new(LIMITS);
        let v6 = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        let first = arrivals.enter(v6(1)).unwrap();
        let _second = arrivals.enter(v6(2)).unwrap();
        assert_eq!(arrivals.enter(v6(3)).err(), Some(TooMuch::Connections), "one network is one client");
        arrivals.enter(IpAddr::from([192, 0, 2, 1])).unwrap();
        let machine = |number, last| IpAddr::from([0xfdaa, 0, 1, 0, 1, 0, number, last]);
        let _of_one = [2, 3].map(|last| arrivals.enter(machine(7, last)).unwrap());
        assert_eq!(arrivals.enter(machine(7, 2)).err(), Some(TooMuch::Connections));
        arrivals.enter(machine(8, 2)).expect("another machine is another client");
        drop(first);
        arrivals.enter(v6(3)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn handshakes_come_back_with_time_and_idle_clients_are_forgotten() {
        let arrivals = Arrivals::new(LIMITS);
        let client = IpAddr::from([192, 0, 2, 1]);
        let burst = (0..20).filter(|_| arrivals.handshake(client).is_ok()).count();
        assert_eq!(burst, 10);
        tokio::time::advance(Duration::from_millis(3500)).await;
        let more = (0..20).filter(|_| arrivals.handshake(client).is_ok()).count();
        assert_eq!(more, 3);
        arrivals.sweep();
        assert_eq!(arrivals.shard(client).len(), 1);
        tokio::time::advance(Duration::from_secs(11)).await;
        arrivals.sweep();
        assert_eq!(arrivals.shard(client).len(), 0);
    }
}

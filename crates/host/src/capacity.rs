//! What the box has, who holds how much of it, and who was promised some.
//!
//! A machine holds a [`Claim`] from the moment a boot is recorded until nothing of it runs; a
//! reservation holds capacity for a machine that is still to be created, and lapses by itself.
//! Neither is written down: after a restart the claims follow from the machines' states.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use roost_host_api::Capacity;
use roost_model::{CpuKind, Guest, MachineId};
use ulid::Ulid;

/// Reservations at a time: a caller that only ever reserves is stopped here.
const MAX_RESERVATIONS: usize = 1024;

/// Memory of a VMM beside its guest's, in MiB, as a host has to plan for it.
const VMM_MIB: u64 = 96;

/// What one machine takes.
#[derive(Debug, Clone, Copy, Default)]
struct Need {
    /// In shared vCPUs.
    cpu_slots: u64,
    memory_mib: u64,
}

/// What was asked for is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCapacity {
    #[error(
        "the host has {free_mib} MiB of memory free, and a {guest} machine needs {needed_mib} MiB; \
             stop or destroy machines, or choose a smaller size"
    )]
    Memory { guest: String, needed_mib: u64, free_mib: u64 },
    #[error(
        "the host has {free} of {total} CPU shares free, and a {guest} machine needs {needed}; \
             stop or destroy machines, or choose a smaller size"
    )]
    Cpu { guest: String, needed: u64, free: u64, total: u64 },
    #[error("too many reservations are open; they lapse by themselves, try again in a moment")]
    Reservations,
}

/// A cheap handle.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

struct Shared {
    /// A core, in shared vCPUs.
    slots_per_core: u64,
    total: Need,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// With the number of the claim that made each.
    claims: HashMap<MachineId, (u64, Need)>,
    made: u64,
    reservations: HashMap<Ulid, (Need, Instant)>,
}

/// Capacity that a machine holds until this is dropped.
pub struct Claim {
    ledger: Ledger,
    id: MachineId,
    number: u64,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut books = self.ledger.lock();
        // A newer claim of the same machine has taken this one's place.
        if books.claims.get(&self.id).is_some_and(|(number, _)| *number == self.number) {
            books.claims.remove(&self.id);
        }
    }
}

impl Ledger {
    /// `memory_mib`: what machines may have, their VMMs included.
    pub fn new(cores: u32, memory_mib: u64, shared_cpus_per_core: u32) -> Self {
        let slots_per_core = u64::from(shared_cpus_per_core.max(1));
        let total = Need { cpu_slots: u64::from(cores) * slots_per_core, memory_mib };
        Self(Arc::new(Shared { slots_per_core, total, books: Mutex::default() }))
    }

    /// Promises capacity for `ttl`.
    pub fn reserve(&self, guest: &Guest, ttl: Duration) -> Result<Ulid, NoCapacity> {
        let need = self.need(guest);
        let mut books = self.lock();
        self.check(&books, guest, need, None)?;
        if books.reservations.len() >= MAX_RESERVATIONS {
            return Err(NoCapacity::Reservations);
        }
        let id = Ulid::generate();
        books.reservations.insert(id, (need, Instant::now() + ttl));
        Ok(id)
    }

    /// Whether there was such a reservation.
    pub fn release(&self, reservation: Ulid) -> bool {
        self.lock().reservations.remove(&reservation).is_some()
    }

    /// Takes capacity for a machine, from its reservation if it has one that has not lapsed. A
    /// machine that holds a claim already gets one of the new size in its place.
    pub fn claim(
        &self,
        id: &MachineId,
        guest: &Guest,
        reservation: Option<Ulid>,
    ) -> Result<Claim, NoCapacity> {
        let need = self.need(guest);
        let mut books = self.lock();
        let promised = reservation.and_then(|r| books.reservations.remove(&r)).is_some();
        if !promised {
            self.check(&books, guest, need, Some(id))?;
        }
        Ok(self.enter(&mut books, id, need))
    }

    /// The claim of a machine that runs already, whatever is free.
    pub fn claim_running(&self, id: &MachineId, guest: &Guest) -> Claim {
        self.enter(&mut self.lock(), id, self.need(guest))
    }

    /// Whole cores and memory, without disk: total and free.
    pub fn capacity(&self) -> (Capacity, Capacity) {
        let used = used(&self.lock(), None);
        let of = |need: Need| Capacity {
            cpus: (need.cpu_slots / self.0.slots_per_core) as u32,
            memory_mib: need.memory_mib,
            disk_mib: 0,
        };
        let free = Need {
            cpu_slots: self.0.total.cpu_slots.saturating_sub(used.cpu_slots),
            memory_mib: self.0.total.memory_mib.saturating_sub(used.memory_mib),
        };
        (of(self.0.total), of(free))
    }

    fn enter(&self, books: &mut Books, id: &MachineId, need: Need) -> Claim {
        books.made += 1;
        books.claims.insert(id.clone(), (books.made, need));
        Claim { ledger: self.clone(), id: id.clone(), number: books.made }
    }

    fn check(
        &self,
        books: &Books,
        guest: &Guest,
        need: Need,
        replacing: Option<&MachineId>,
    ) -> Result<(), NoCapacity> {
        let used = used(books, replacing);
        let free_mib = self.0.total.memory_mib.saturating_sub(used.memory_mib);
        if need.memory_mib > free_mib {
            return Err(NoCapacity::Memory {
                guest: guest.to_string(),
                needed_mib: need.memory_mib,
                free_mib,
            });
        }
        let (total, needed) = (self.0.total.cpu_slots, need.cpu_slots);
        let free = total.saturating_sub(used.cpu_slots);
        if needed > free {
            return Err(NoCapacity::Cpu { guest: guest.to_string(), needed, free, total });
        }
        Ok(())
    }

    fn need(&self, guest: &Guest) -> Need {
        let per_cpu = match guest.cpu_kind {
            CpuKind::Shared => 1,
            CpuKind::Performance => self.0.slots_per_core,
        };
        Need { cpu_slots: u64::from(guest.cpus) * per_cpu, memory_mib: u64::from(guest.memory_mb) + VMM_MIB }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        let mut books = self.0.books.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        books.reservations.retain(|_, (_, expires)| *expires > now);
        books
    }
}

fn used(books: &Books, except: Option<&MachineId>) -> Need {
    let claims = books.claims.iter().filter(|(id, _)| Some(*id) != except).map(|(_, (_, need))| need);
    claims.chain(books.reservations.values().map(|(need, _)| need)).fold(Need::default(), |sum, need| Need {
        cpu_slots: sum.cpu_slots + need.cpu_slots,
        memory_mib: sum.memory_mib + need.memory_mib,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guest(preset: &str) -> Guest {
        Guest::preset(preset).unwrap()
    }

    #[test]
    fn memory_runs_out_and_comes_back() {
        let ledger = Ledger::new(8, 800, 16);
        let (a, b, c) = (MachineId::generate(), MachineId::generate(), MachineId::generate());
        let first = ledger.claim(&a, &guest("shared-cpu-1x"), None).unwrap();
        let _second = ledger.claim(&b, &guest("shared-cpu-1x"), None).unwrap();
        let error = ledger.claim(&c, &guest("shared-cpu-1x"), None).err().unwrap();
        assert!(matches!(error, NoCapacity::Memory { needed_mib: 352, free_mib: 96, .. }), "{error}");
        drop(first);
        assert!(ledger.claim(&c, &guest("shared-cpu-1x"), None).is_ok());
    }

    #[test]
    fn performance_cpus_take_whole_cores() {
        let ledger = Ledger::new(2, 1 << 20, 16);
        assert!(ledger.reserve(&guest("performance-4x"), Duration::from_secs(9)).is_err());
        ledger.reserve(&guest("performance-2x"), Duration::from_secs(9)).unwrap();
        assert_eq!(ledger.capacity().1.cpus, 0);
    }

    #[test]
    fn a_reservation_is_used_once_or_lapses() {
        let ledger = Ledger::new(8, 400, 16);
        let id = MachineId::generate();
        let small = guest("shared-cpu-1x");
        let lapsing = ledger.reserve(&small, Duration::ZERO).unwrap();
        assert!(!ledger.release(lapsing));
        let reservation = ledger.reserve(&small, Duration::from_secs(60)).unwrap();
        assert!(ledger.claim(&id, &small, None).is_err(), "the memory is promised to another");
        let claim = ledger.claim(&id, &small, Some(reservation)).unwrap();
        assert!(!ledger.release(reservation));
        drop(claim);
        assert_eq!(ledger.capacity().0.memory_mib, ledger.capacity().1.memory_mib);
    }

    #[test]
    fn a_machine_changes_its_size_in_place() {
        let ledger = Ledger::new(8, 700, 16);
        let id = MachineId::generate();
        let claim = ledger.claim(&id, &guest("shared-cpu-1x"), None).unwrap();
        let larger = ledger.claim(&id, &guest("shared-cpu-2x"), None).unwrap();
        drop(claim);
        assert_eq!(ledger.capacity().1.memory_mib, 92);
        drop(larger);
        assert_eq!(ledger.capacity().1.memory_mib, 700);
    }
}

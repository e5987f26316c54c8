//! How many machines of a size fit beside those that are there.

use roost_host_api::Capacity;
use roost_model::{CpuKind, Guest};

/// As many shared CPUs share a core; hosts use their own figure, and it has the last word.
const SHARED_PER_CORE: u64 = 16;

/// Machines of this size for which there is room; a host that is asked for one decides again.
pub fn machines_that_fit(free: Capacity, guest: &Guest) -> u64 {
    let cores = u64::from(free.cpus);
    let by_cpu = match guest.cpu_kind {
        CpuKind::Shared => cores * SHARED_PER_CORE,
        CpuKind::Performance => cores,
    };
    let by_cpu = by_cpu / u64::from(guest.cpus.max(1));
    by_cpu.min(free.memory_mib / u64::from(guest.memory_mb.max(1)))
}

//! What a machine may take of its host.
//!
//! CPU: a vCPU is one thread, so at most one core of the host, whatever its kind. The quota bounds the rest:
//! the threads of the VMM itself, which work for the guest's devices. Below that, shared and
//! performance machines differ by weight: when the host is busy, a shared vCPU counts for 1/16 (6.25 %) of
//! a performance one. So a shared machine boots and answers at full speed on an idle host, and a busy
//! host keeps the promise made to performance machines.
//!
//! Volumes: the VMM itself holds a machine to its rate, so it is kept whatever the host's kernel and file
//! system can do, and what waits is the guest's request, not the VMM.

use roost_model::{CpuKind, Guest};

/// Length of the accounting period of the CPU quota: the kernel's own default.
const PERIOD_US: u64 = 100_000;

/// For the VMM's own threads, beside the vCPUs: half a core. Were the quota that of the vCPUs alone, a guest
/// that computes would be stopped at the end of each period for what its devices took, which made every
/// boot longer.
const DEVICES_US: u64 = PERIOD_US / 2;

/// Weight of one performance vCPU, on cgroup v2's scale (1 to 10,000; 100 is a process's default).
const PERFORMANCE_WEIGHT: u64 = 100;

/// A shared vCPU is promised 6.25 % of a core, as the published machine sizes say.
const SHARED_FRACTION: u64 = 16;

/// Memory of a VMM beside its guest's: code, device models, page tables, I/O buffers.
const VMM_OVERHEAD: u64 = 96 << 20;

/// Translated code of an emulated guest; the driver caps the cache at this size.
pub const TRANSLATION_CACHE_MIB: u64 = 128;

/// Threads beside the vCPUs: main loop, RCU, and up to 64 workers of block I/O.
const VMM_THREADS: u32 = 96;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub cpu: CpuLimit,
    /// Of the guest and its VMM together.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuLimit {
    /// CPU time per period, microseconds.
    pub quota_us: u64,
    pub period_us: u64,
    /// Share of a busy host, 1 to 10,000.
    pub weight: u64,
}

/// How fast a machine may read and write one of its volumes, both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskRate {
    pub operations_per_s: u64,
    pub bytes_per_s: u64,
}

impl DiskRate {
    /// As the published machine sizes say. Image and scratch disk have no such limit.
    pub fn of_volume(guest: &Guest) -> Self {
        let (operations_per_s, mib_per_s) = match (guest.cpu_kind, guest.cpus) {
            (CpuKind::Shared, ..=3) => (4000, 16),
            (CpuKind::Shared, _) => (8000, 32),
            (CpuKind::Performance, ..=1) => (12_000, 48),
            (CpuKind::Performance, ..=7) => (16_000, 64),
            (CpuKind::Performance, _) => (32_000, 128),
        };
        Self { operations_per_s, bytes_per_s: mib_per_s << 20 }
    }
}

impl Limits {
    /// The limits of a machine of this size. `emulated`: its instructions are translated (TCG), which
    /// needs memory of the VMM's own.
    pub fn for_guest(guest: &Guest, emulated: bool) -> Self {
        let cpus = u64::from(guest.cpus);
        let weight = match guest.cpu_kind {
            CpuKind::Performance => cpus * PERFORMANCE_WEIGHT,
            CpuKind::Shared => (cpus * PERFORMANCE_WEIGHT).div_ceil(SHARED_FRACTION),
        };
        let translation = if emulated { TRANSLATION_CACHE_MIB << 20 } else { 0 };
        Self {
            cpu: CpuLimit { quota_us: cpus * PERIOD_US + DEVICES_US, period_us: PERIOD_US, weight },
            memory_bytes: (u64::from(guest.memory_mb) << 20) + VMM_OVERHEAD + translation,
            pids: guest.cpus + VMM_THREADS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_cpu_weighs_a_sixteenth_but_may_burst_to_a_core() {
        let shared = Limits::for_guest(&Guest::preset("shared-cpu-8x").unwrap(), false);
        let performance = Limits::for_guest(&Guest::preset("performance-8x").unwrap(), false);
        assert_eq!(performance.cpu.weight / shared.cpu.weight, 16);
        assert_eq!(shared.cpu.quota_us, performance.cpu.quota_us);
        assert_eq!(shared.cpu.quota_us, 8 * shared.cpu.period_us + shared.cpu.period_us / 2);
    }

    #[test]
    fn larger_machines_have_faster_volumes() {
        let mib_per_s = |size| DiskRate::of_volume(&Guest::preset(size).unwrap()).bytes_per_s >> 20;
        let sizes = ["shared-cpu-1x", "shared-cpu-8x", "performance-1x", "performance-4x", "performance-16x"];
        assert_eq!(sizes.map(mib_per_s), [16, 32, 48, 64, 128]);
    }

    #[test]
    fn memory_covers_the_guest_and_the_vmm() {
        let guest = Guest::preset("shared-cpu-1x").unwrap();
        let (native, emulated) = (Limits::for_guest(&guest, false), Limits::for_guest(&guest, true));
        assert_eq!(native.memory_bytes, (256 + 96) << 20);
        assert_eq!(emulated.memory_bytes - native.memory_bytes, TRANSLATION_CACHE_MIB << 20);
    }
}

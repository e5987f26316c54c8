//! Bounds of the directory. The same for every backend, and inside etcd's own defaults.

use std::time::Duration;

/// Longest key: deeper names than any key of ours.
pub const MAX_KEY_BYTES: usize = 512;

/// Largest value; etcd refuses requests over 1.5 MiB.
pub const MAX_VALUE_BYTES: usize = 1 << 20;

/// Most compares, and most operations in each branch, of one transaction (etcd's default).
pub const MAX_TXN_OPS: usize = 128;

/// Most keys that one range gives; ask again `after` the last one.
pub const MAX_RANGE_KEYS: usize = 1000;

/// Leases last at least as long as a keep-alive may be late, at most a day.
pub const LEASE_TTL: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

//! The wall clock, which a guest has only from its host.

use std::time::Duration;

use nix::{
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime, clock_settime},
};

/// A clock off by less is left alone when the host did not ask to set it: its word may be that old.
const TOLERANCE_NS: u64 = 1_000_000_000;

/// Nanoseconds since 1970.
pub fn unix_ns() -> i64 {
    nanoseconds(ClockId::CLOCK_REALTIME)
}

/// Nanoseconds since boot, time asleep in a snapshot left out.
pub fn monotonic_ns() -> i64 {
    nanoseconds(ClockId::CLOCK_MONOTONIC)
}

/// Sets the clock.
pub fn set(unix_ns: i64) {
    let time = TimeSpec::from(Duration::from_nanos(u64::try_from(unix_ns).unwrap_or(0)));
    if let Err(error) = clock_settime(ClockId::CLOCK_REALTIME, time) {
        eprintln!("roost-init: the clock cannot be set: {error}");
    }
}

/// Sets the clock if it is clearly wrong, as it is at boot and after a long sleep.
pub fn correct(now_unix_ns: i64) {
    if now_unix_ns.abs_diff(unix_ns()) > TOLERANCE_NS {
        set(now_unix_ns);
    }
}

fn nanoseconds(clock: ClockId) -> i64 {
    clock_gettime(clock).map_or(0, |time| time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

//! How often an app is asked: a rate with a burst, in one word (the generic cell rate algorithm).

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use roost_model::service::RateLimit;

/// When the next request is due if they came evenly, in nanoseconds of the edge's own clock.
#[derive(Debug, Default)]
pub struct Rate(AtomicU64);

impl Rate {
    /// Counts a request at `now`, or says how long it is until one is taken again.
    pub fn take(&self, now: Duration, limit: RateLimit) -> Result<(), Duration> {
        let now = nanos(now);
        let gap = 1_000_000_000 / u64::from(limit.per_second.get());
        let ahead = gap * u64::from(limit.burst().get());
        let step = |due: u64| {
            let next = due.max(now) + gap;
            (next <= now + ahead).then_some(next)
        };
        match self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, step) {
            Ok(_) => Ok(()),
            Err(due) => Err(Duration::from_nanos((due + gap).saturating_sub(now + ahead))),
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_the_rate() {
        let limit: RateLimit = serde_json::from_str(r#"{ "per_second": 10, "burst": 5 }"#).unwrap();
        let rate = Rate::default();
        let at = |ms| Duration::from_millis(ms);
        let taken = |ms| (0..100).filter(|_| rate.take(at(ms), limit).is_ok()).count();
        assert_eq!(taken(5_000), 5);
        assert_eq!(rate.take(at(5_000), limit), Err(at(100)));
        assert_eq!(taken(5_099), 0);
        assert_eq!([taken(5_100), taken(5_350), taken(60_000)], [1, 2, 5]);
    }
}

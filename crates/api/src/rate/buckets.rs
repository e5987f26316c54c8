//! Token buckets, as many as there are callers and actions, and no more than a bound. Time is passed in.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::Rate;

/// Buckets at a time: at some 200 bytes each, 4 MB.
const MAX_BUCKETS: usize = 20_000;

/// Buckets that are kept when there are too many: room for the next ones, so that it is not done at each call.
const KEPT_BUCKETS: usize = MAX_BUCKETS / 2;

/// How long a call waits for its turn: a client that makes six machines in a row means no harm. So a bucket has
/// as many calls waiting as its rate lets pass in this time.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Buckets {
    buckets: HashMap<String, Bucket>,
}

struct Bucket {
    /// Calls that are left, at `at`; less than none when some wait for their turn.
    left: f64,
    at: Instant,
    /// When it is as good as a new one, if nobody calls.
    full_at: Instant,
}

impl Buckets {
    /// Takes one, and says after what time it may be used. An error is the time until there is one, when that is
    /// longer than a call waits.
    pub fn take(&mut self, key: String, rate: Rate, now: Instant) -> Result<Duration, Duration> {
        if self.buckets.len() >= MAX_BUCKETS && !self.buckets.contains_key(&key) {
            self.make_room(now);
        }
        let burst = f64::from(rate.burst.max(1));
        // A rate of nothing would never fill it.
        let per_second = rate.per_second.max(0.001);
        let bucket = self.buckets.entry(key).or_insert(Bucket { left: burst, at: now, full_at: now });
        let elapsed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + elapsed * per_second).min(burst);
        bucket.at = now;
        let wait = Duration::from_secs_f64((1.0 - bucket.left).max(0.0) / per_second);
        if wait > PATIENCE {
            return Err(wait);
        }
        bucket.left -= 1.0;
        bucket.full_at = now + Duration::from_secs_f64((burst - bucket.left) / per_second);
        Ok(wait)
    }

    /// Forgets full buckets, and if that is not enough those that are full the soonest: whoever is near a limit
    /// stays there.
    fn make_room(&mut self, now: Instant) {
        self.buckets.retain(|_, bucket| bucket.full_at > now);
        if self.buckets.len() <= KEPT_BUCKETS {
            return;
        }
        let mut times: Vec<Instant> = self.buckets.values().map(|bucket| bucket.full_at).collect();
        let cut = times.len() - KEPT_BUCKETS;
        let (_, limit, _) = times.select_nth_unstable(cut);
        let limit = *limit;
        self.buckets.retain(|_, bucket| bucket.full_at > limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 1.0, burst: 3 };

    /// Calls that are let in at once, and those that wait.
    const ADMITTED: u32 = RATE.burst + PATIENCE.as_secs() as u32;

    #[test]
    fn a_burst_and_then_one_a_second() {
        let (mut buckets, start) = (Buckets::default(), Instant::now());
        let mut take =
            |after: f64| buckets.take("a".to_owned(), RATE, start + Duration::from_secs_f64(after));
        for _ in 0..3 {
            assert_eq!(take(0.0), Ok(Duration::ZERO));
        }
        assert_eq!(take(0.0), Ok(Duration::from_secs(1)));
        assert_eq!(take(0.5), Ok(Duration::from_millis(1500)), "its turn comes after the other's");
        // It holds no more than a burst, however long nobody called.
        for _ in 0..3 {
            assert_eq!(take(100.0), Ok(Duration::ZERO));
        }
        assert_eq!(take(100.0), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn who_would_wait_too_long_is_refused_and_takes_no_turn() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        for _ in 0..ADMITTED {
            buckets.take("a".to_owned(), RATE, now).unwrap();
        }
        for _ in 0..5 {
            assert_eq!(buckets.take("a".to_owned(), RATE, now), Err(PATIENCE + Duration::from_secs(1)));
        }
    }

    #[test]
    fn there_is_a_bound_and_those_at_their_limit_stay_there() {
        let (mut buckets, now) = (Buckets::default(), Instant::now());
        for _ in 0..ADMITTED {
            buckets.take("busy".to_owned(), RATE, now).unwrap();
        }
        for n in 0..3 * MAX_BUCKETS {
            let _ = buckets.take(n.to_string(), RATE, now);
            assert!(buckets.buckets.len() <= MAX_BUCKETS);
        }
        assert!(buckets.take("busy".to_owned(), RATE, now).is_err());
    }
}

//! What has passed between an app's users and its machines: counters that the edge writes and a scrape reads.
//!
//! Nothing is kept of an app that nobody has asked. All counters are independent of each other: a reader may see one
//! request in one and not yet in the other.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{Connections, Rate};

/// An app's counters, made when they are first needed, and how often it was asked a moment ago.
#[derive(Debug, Default)]
pub struct Traffic {
    counts: OnceLock<Box<Counts>>,
    pub rate: Rate,
}

impl Traffic {
    pub fn counts(&self) -> &Counts {
        self.counts.get_or_init(Box::default)
    }

    /// The counters, if anything was counted.
    pub fn counted(&self) -> Option<&Counts> {
        self.counts.get().map(|counts| &**counts)
    }
}

#[derive(Debug, Default)]
pub struct Counts {
    /// Answers that clients got, whoever gave them.
    pub edge: Answers,
    /// Answers that machines gave.
    pub app: Answers,
    /// Connections of clients, and what passed on them.
    pub clients: Connections,
    /// Connections to machines that were made, and how long that took.
    pub connects: Histogram,
    /// Those of them that were closed.
    pub disconnects: AtomicU64,
}

/// Answers by status, and the time until their heads.
#[derive(Debug, Default)]
pub struct Answers {
    statuses: [AtomicU64; STATUSES.len() + 1],
    /// By the first digit of the status.
    times: [Histogram; 5],
}

/// Statuses that are told apart; others count as one, so that no app can make any number of series.
const STATUSES: [u16; 31] = [
    101, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 412,
    413, 415, 422, 429, 499, 500, 501, 502, 503, 504,
];

impl Answers {
    pub fn count(&self, status: u16, after: Duration) {
        let index = STATUSES.binary_search(&status).unwrap_or(STATUSES.len());
        self.statuses[index].fetch_add(1, Ordering::Relaxed);
        let class = usize::from(status / 100).clamp(1, self.times.len()) - 1;
        self.times[class].count(after);
    }

    /// Each status that was seen, and how often: `200`, or `other`.
    pub fn by_status(&self) -> impl Iterator<Item = (String, u64)> {
        let names = STATUSES.iter().map(u16::to_string).chain(["other".to_owned()]);
        let counts = self.statuses.iter().map(|count| count.load(Ordering::Relaxed));
        names.zip(counts).filter(|(_, count)| *count > 0)
    }

    /// Each class that was seen, as `2xx`, and the times of its answers.
    pub fn by_class(&self) -> impl Iterator<Item = (String, &Histogram)> {
        let named = self.times.iter().enumerate().map(|(index, times)| (format!("{}xx", index + 1), times));
        named.filter(|(_, times)| times.total() > 0)
    }
}

/// Upper bounds of the buckets, in microseconds: from what a machine beside it needs to what nobody waits for.
const BOUNDS_US: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// Durations in buckets.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub fn count(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub fn total(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    pub fn sum_secs(&self) -> f64 {
        self.sum_us.load(Ordering::Relaxed) as f64 / 1e6
    }

    /// How many took at most so long, in seconds, for each bound; the last has none.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let bounds = BOUNDS_US.iter().map(|us| Some(*us as f64 / 1e6)).chain([None]);
        let counts = self.buckets.iter().scan(0, |sum, bucket| {
            *sum += bucket.load(Ordering::Relaxed);
            Some(*sum)
        });
        bounds.zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_in_one_status_and_one_bucket() {
        let traffic = Traffic::default();
        assert!(traffic.counted().is_none());
        let answers = &traffic.counts().edge;
        for (status, ms) in [(200, 0), (200, 7), (418, 20_000), (999, 1), (0, 1)] {
            answers.count(status, Duration::from_millis(ms));
        }
        let statuses: Vec<_> = answers.by_status().collect();
        assert_eq!(statuses, [("200".to_owned(), 2), ("other".to_owned(), 3)]);
        let (class, times) = answers.by_class().nth(1).unwrap();
        let within: Vec<_> =
            times.cumulative().filter(|(bound, _)| bound.is_none_or(|bound| bound == 0.01)).collect();
        assert_eq!((class.as_str(), within), ("2xx", vec![(Some(0.01), 2), (None, 2)]));
        assert_eq!(answers.by_class().map(|(_, times)| times.total()).sum::<u64>(), 5);
    }
}

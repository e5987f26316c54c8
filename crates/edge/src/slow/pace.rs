//! A client's patience account: waiting for it takes from the account, bytes that move fill it up again.
//!
//! A client that stops is given up after `patience`, one that is slower than `bytes_per_sec` some time later, and one that
//! is as fast never. Only time counts in which the edge waits for the client, not that in which an app says or reads
//! nothing.

use std::{num::NonZeroU32, time::Duration};

use crate::limits::{CLIENT_PATIENCE, SLOWEST_CLIENT, TICK};

/// How slow clients may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowClients {
    /// How long the edge waits for a client that moves nothing.
    pub patience: Duration,
    /// What a client moves at least, in the long run.
    pub bytes_per_sec: NonZeroU32,
}

impl Default for SlowClients {
    fn default() -> Self {
        Self { patience: CLIENT_PATIENCE, bytes_per_sec: SLOWEST_CLIENT }
    }
}

impl SlowClients {
    /// With the patience that an app asks for, if it does.
    pub(crate) fn or_as_patient_as(self, app: Option<Duration>) -> Self {
        Self { patience: app.unwrap_or(self.patience), ..self }
    }

    /// How often it is looked how far a client has come.
    pub(crate) fn look_every(self) -> Duration {
        TICK.min(self.patience / 4)
    }

    /// How long the slowest client takes for it.
    fn time_for(self, bytes: u64) -> Duration {
        Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / u64::from(self.bytes_per_sec.get()))
    }
}

#[derive(Debug)]
pub(crate) struct Pace {
    limits: SlowClients,
    left: Duration,
}

impl Pace {
    pub fn new(limits: SlowClients) -> Self {
        Self { limits, left: limits.patience }
    }

    /// The client has moved so much.
    pub fn moved(&mut self, bytes: u64) {
        let left = self.left.saturating_add(self.limits.time_for(bytes));
        self.left = left.min(self.limits.patience);
    }

    /// The client is to move so much, and it does not show how far it has come before it has.
    pub fn is_owed(&mut self, bytes: u64) {
        self.left = self.left.saturating_add(self.limits.time_for(bytes));
    }

    /// It has moved what it was to.
    pub fn is_even(&mut self) {
        self.left = self.left.min(self.limits.patience);
    }

    /// The edge has waited for it; false when that was too long.
    #[must_use]
    pub fn waited(&mut self, time: Duration) -> bool {
        self.left = self.left.saturating_sub(time);
        !self.left.is_zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Seconds until a client is given up that moves `bytes` in every second in which the edge waits for it.
    fn seconds(bytes: u64) -> Option<u32> {
        let mut pace = Pace::new(SlowClients::default());
        (1..=24 * 3600).find(|_| {
            pace.moved(bytes);
            !pace.waited(SECOND)
        })
    }

    #[test]
    fn one_that_stops_has_its_patience_and_one_that_is_fast_enough_forever() {
        assert_eq!(seconds(0), Some(60));
        assert_eq!(seconds(1), Some(61));
        assert_eq!(seconds(128), Some(119));
        assert_eq!(seconds(256), None);
        assert_eq!(seconds(1 << 40), None);
    }

    #[test]
    fn bytes_bring_back_no_more_than_there_was() {
        let mut pace = Pace::new(SlowClients::default());
        pace.moved(u64::MAX);
        assert!(pace.waited(59 * SECOND) && !pace.waited(SECOND));
        pace.moved(10 * 256);
        assert!(pace.waited(9 * SECOND) && !pace.waited(SECOND));
    }

    #[test]
    fn what_does_not_show_before_its_end_has_the_time_of_the_slowest_client_more() {
        let mut pace = Pace::new(SlowClients::default());
        pace.is_owed(10 * 256);
        assert!(pace.waited(30 * SECOND));
        pace.is_even();
        assert!(pace.waited(39 * SECOND) && !pace.waited(SECOND));
        let mut fast = Pace::new(SlowClients::default());
        fast.is_owed(10 * 256);
        fast.is_even();
        assert!(fast.waited(59 * SECOND) && !fast.waited(SECOND));
    }

    #[test]
    fn an_app_may_be_more_patient_or_less() {
        let limits = SlowClients::default();
        assert_eq!(limits.or_as_patient_as(None), limits);
        let hasty = limits.or_as_patient_as(Some(2 * SECOND));
        assert_eq!((hasty.patience, hasty.look_every()), (2 * SECOND, SECOND / 2));
        assert_eq!(limits.or_as_patient_as(Some(3600 * SECOND)).look_every(), SECOND);
    }
}

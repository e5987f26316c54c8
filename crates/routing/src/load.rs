//! How busy a machine is: a cell that the edge of its node writes and routing reads.
//!
//! One word holds the number of requests in flight and a flag that closes the door. Entering and
//! closing are one atomic step each, so a machine that was idle when its door closed has no
//! request in it, ever: that is what makes it safe to stop.

use std::{
    sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use crate::Limits;

/// Set while the machine is being emptied.
const CLOSED: u32 = 1 << 31;
/// Set while others are tried first, because it refused connections.
const OUT: u32 = 1 << 30;
/// The other bits count requests in flight.
const COUNT: u32 = OUT - 1;

/// Refused connections, one after another, that put a machine out: one or two happen while an app restarts.
const REFUSALS: u16 = 3;

/// How long a machine is out at first; doubled each time that it refuses again, up to the longest.
const FIRST_OUT: Duration = Duration::from_secs(1);
const LONGEST_OUT: Duration = Duration::from_secs(30);

/// Requests in flight of one machine, and when the last one ended.
#[derive(Debug, Default)]
pub struct Load {
    word: AtomicU32,
    /// Connections refused since the last one that was accepted.
    refusals: AtomicU16,
    /// Times that it was put out since then.
    outs: AtomicU16,
    /// Milliseconds of the edge's own clock; 0: never.
    last_active_ms: AtomicU64,
    out_until_ms: AtomicU64,
    /// Whoever stops the machine wants its tunnels to end.
    drain: AtomicBool,
    /// Requests in flight that another process still carries, which this one has replaced.
    elsewhere: AtomicU32,
}

/// Why a machine took no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// At its hard limit.
    Full,
    /// Being emptied before it stops.
    Closed,
}

/// The three classes that routing tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoadClass {
    UnderSoft,
    UnderHard,
    Full,
}

impl Load {
    /// Counts one request in, unless `hard` are in flight or the door is closed.
    pub fn enter(&self, hard: Option<u32>) -> Result<(), Refused> {
        let free = hard.unwrap_or(COUNT).min(COUNT).saturating_sub(self.elsewhere());
        let step = |word: u32| {
            let open = word & CLOSED == 0 && (word & COUNT) < free;
            open.then_some(word + 1)
        };
        match self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, step) {
            Ok(_) => Ok(()),
            Err(word) if word & CLOSED != 0 => Err(Refused::Closed),
            Err(_) => Err(Refused::Full),
        }
    }

    /// Counts one request out; `now` is time since the edge's own start.
    pub fn leave(&self, now: Duration) {
        self.touch(now);
        let before = self.word.fetch_sub(1, Ordering::AcqRel);
        debug_assert!(before & COUNT > 0, "a request left that never entered");
    }

    /// Notes that the machine was needed at `now`.
    pub fn touch(&self, now: Duration) {
        self.last_active_ms.fetch_max(millis(now).max(1), Ordering::AcqRel);
    }

    /// When the machine was last needed; `None` when never.
    pub fn last_active(&self) -> Option<Duration> {
        match self.last_active_ms.load(Ordering::Acquire) {
            0 => None,
            ms => Some(Duration::from_millis(ms)),
        }
    }

    /// Here and in the process before this one.
    pub fn in_flight(&self) -> u32 {
        (self.word.load(Ordering::Acquire) & COUNT).saturating_add(self.elsewhere())
    }

    /// How many the process before this one still carries.
    pub fn carried_elsewhere(&self, count: u32) {
        self.elsewhere.store(count, Ordering::Release);
    }

    fn elsewhere(&self) -> u32 {
        self.elsewhere.load(Ordering::Acquire)
    }

    pub fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Closes the door if nothing is in flight; tells whether it did.
    pub fn close_if_idle(&self) -> bool {
        let step = |word: u32| (word & (COUNT | CLOSED) == 0).then_some(word | CLOSED);
        self.elsewhere() == 0 && self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, step).is_ok()
    }

    /// Notes that the machine refused a connection at `now`; tells whether that has put it out.
    pub fn refused(&self, now: Duration) -> bool {
        if self.is_out() || self.refusals.fetch_add(1, Ordering::AcqRel) + 1 < REFUSALS {
            return false;
        }
        let outs = self.outs.fetch_add(1, Ordering::AcqRel).min(16);
        let until = now + (FIRST_OUT * (1 << outs)).min(LONGEST_OUT);
        self.out_until_ms.store(millis(until), Ordering::Release);
        self.word.fetch_or(OUT, Ordering::AcqRel) & OUT == 0
    }

    /// Notes that the machine accepted a connection: it is as good as any other.
    pub fn accepted(&self) {
        if self.refusals.load(Ordering::Relaxed) > 0 {
            self.refusals.store(0, Ordering::Release);
            self.outs.store(0, Ordering::Release);
            self.word.fetch_and(!OUT, Ordering::AcqRel);
        }
    }

    /// Others are tried first.
    pub fn is_out(&self) -> bool {
        self.word.load(Ordering::Acquire) & OUT != 0
    }

    /// Ends its time out if that is over by `now`. One more refusal puts it out again, for longer.
    pub fn forgive(&self, now: Duration) {
        if self.is_out() && self.out_until_ms.load(Ordering::Acquire) <= millis(now) {
            self.refusals.store(REFUSALS - 1, Ordering::Release);
            self.word.fetch_and(!OUT, Ordering::AcqRel);
        }
    }

    /// Closes the door behind whatever is in flight.
    pub fn close(&self) {
        self.word.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Has the tunnels end that are open now.
    pub fn ask_to_drain(&self) {
        self.drain.store(true, Ordering::Release);
    }

    /// Whether that was asked since the last look.
    pub fn take_drain(&self) -> bool {
        self.drain.load(Ordering::Relaxed) && self.drain.swap(false, Ordering::AcqRel)
    }

    /// Opens the door again.
    pub fn open(&self) {
        self.word.fetch_and(!CLOSED, Ordering::AcqRel);
    }

    /// Nothing speaks against the machine: it is not being emptied, refused nobody, and is below its soft limit.
    pub fn is_at_ease(&self, limits: Limits) -> bool {
        self.word.load(Ordering::Acquire) & (CLOSED | OUT) == 0
            && self.class(limits.soft, limits.hard) == LoadClass::UnderSoft
    }

    pub fn class(&self, soft: u32, hard: Option<u32>) -> LoadClass {
        let in_flight = self.in_flight();
        if hard.is_some_and(|hard| in_flight >= hard) {
            LoadClass::Full
        } else if in_flight < soft {
            LoadClass::UnderSoft
        } else {
            LoadClass::UnderHard
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    #[test]
    fn a_machine_that_refuses_again_and_again_is_out_for_longer_each_time() {
        let load = Load::default();
        let secs = Duration::from_secs;
        assert_eq!([1, 2, 3, 4].map(|at| load.refused(secs(at))), [false, false, true, false]);
        load.forgive(secs(3));
        assert!(load.is_out());
        load.forgive(secs(4));
        assert!(!load.is_out());
        assert!(load.refused(secs(5)), "once is enough now");
        load.forgive(secs(6));
        assert!(load.is_out(), "two seconds this time");
        assert_eq!(load.enter(None), Ok(()), "it may be all that there is");
        load.accepted();
        assert!(!load.is_out() && !load.refused(secs(8)));
        load.leave(secs(8));
        assert!(load.close_if_idle());
    }

    #[test]
    fn the_hard_limit_holds() {
        let load = Load::default();
        assert_eq!(load.enter(Some(1)), Ok(()));
        assert_eq!(load.enter(Some(1)), Err(Refused::Full));
        load.leave(NOW);
        assert_eq!(load.enter(Some(1)), Ok(()));
    }

    #[test]
    fn a_busy_machine_is_not_closed_as_idle() {
        let load = Load::default();
        load.enter(None).unwrap();
        assert!(!load.close_if_idle());
        load.leave(NOW);
        assert!(load.close_if_idle());
        assert_eq!(load.enter(None), Err(Refused::Closed));
        load.open();
        assert_eq!(load.enter(None), Ok(()));
    }

    #[test]
    fn what_another_process_carries_counts() {
        let load = Load::default();
        load.carried_elsewhere(1);
        assert!(!load.close_if_idle());
        assert_eq!((load.in_flight(), load.enter(Some(1))), (1, Err(Refused::Full)));
        load.carried_elsewhere(0);
        assert_eq!(load.enter(Some(1)), Ok(()));
    }

    #[test]
    fn closing_keeps_count_of_what_is_inside() {
        let load = Load::default();
        load.enter(None).unwrap();
        load.close();
        assert_eq!((load.in_flight(), load.is_closed()), (1, true));
        load.leave(NOW);
        assert_eq!(load.in_flight(), 0);
        assert_eq!(load.last_active(), Some(NOW));
    }

    #[test]
    fn classes_follow_the_limits() {
        let load = Load::default();
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(load.class(1, Some(3)));
            let _ = load.enter(Some(3));
        }
        use LoadClass::*;
        assert_eq!(seen, [UnderSoft, UnderHard, UnderHard, Full]);
    }
}

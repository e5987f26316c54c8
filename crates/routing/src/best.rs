//! The best machines that a look at an app has found, and what follows from them.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use rand::Rng;

use crate::{Choice, Health, LoadClass, Pending, Target, Unavailable};

/// Less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// It refused connections a moment ago.
    pub out: bool,
    pub not_preferred: bool,
    pub region: usize,
    pub health: Health,
    pub class: LoadClass,
    pub distance: Duration,
}

/// The best seen so far of each standing.
#[derive(Default)]
pub(crate) struct Seen<'a> {
    ready: Best<(&'a Arc<Target>, usize), Rank>,
    asleep: Best<&'a Arc<Target>, Rank>,
    full: bool,
    pending: Option<Pending>,
    out: Option<Unavailable>,
}

impl<'a> Seen<'a> {
    /// It can serve, by that one of its services.
    pub fn ready(&mut self, rank: Rank, target: &'a Arc<Target>, route: usize, rng: &mut impl Rng) {
        self.ready.offer(rank, (target, route), 1, rng);
    }

    /// It can be started.
    pub fn asleep(&mut self, rank: Rank, target: &'a Arc<Target>, rng: &mut impl Rng) {
        self.asleep.offer(rank, target, 1, rng);
    }

    pub fn full(&mut self) {
        self.full = true;
    }

    pub fn pending(&mut self, pending: Pending) {
        self.pending = self.pending.max(Some(pending));
    }

    pub fn out(&mut self, why: Unavailable) {
        self.out = self.out.max(Some(why));
    }

    pub fn conclude(self) -> Choice<'a> {
        // One start at a time: what starts, or has just started, may be all that is needed.
        let wakeable = self.asleep.best.filter(|_| self.pending < Some(Pending::Excluded));
        if let Some((rank, (target, route))) = self.ready.best {
            // The one that was asked for by name is worth a start.
            if rank.not_preferred
                && let Some((Rank { not_preferred: false, .. }, target)) = wakeable
            {
                return Choice::Wake { target };
            }
            let wake =
                wakeable.filter(|_| rank.out || rank.class != LoadClass::UnderSoft).map(|(_, target)| target);
            return Choice::Serve { target, route, wake };
        }
        match (wakeable, self.pending) {
            (Some((_, target)), _) => Choice::Wake { target },
            (None, _) if self.full => Choice::Queue,
            (None, Some(pending)) => Choice::Wait(pending),
            (None, None) => Choice::Unavailable(self.out.unwrap_or(Unavailable::NoMachines)),
        }
    }
}

/// The best of a kind, and how many were as good.
pub(crate) struct Best<T, R> {
    best: Option<(R, T)>,
    equals: usize,
}

impl<T, R> Default for Best<T, R> {
    fn default() -> Self {
        Self { best: None, equals: 0 }
    }
}

impl<T, R: Ord> Best<T, R> {
    /// Keeps the better one, which stands for `count` machines; among `n` equal machines each stays with
    /// probability `1/n`.
    pub fn offer(&mut self, rank: R, found: T, count: usize, rng: &mut impl Rng) {
        let order = self.best.as_ref().map_or(Ordering::Less, |(best, _)| rank.cmp(best));
        match order {
            Ordering::Less => self.equals = count,
            Ordering::Equal => self.equals += count,
            Ordering::Greater => return,
        }
        if self.equals == count || rng.random_range(0..self.equals) < count {
            self.best = Some((rank, found));
        }
    }

    pub fn found(self) -> Option<T> {
        self.best.map(|(_, found)| found)
    }
}

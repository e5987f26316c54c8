//! How much one machine may ask at once: a noisy one must not silence the others.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Queries of one machine that are being answered at once; resolvers in guests use a few.
const PER_ASKER: u32 = 64;

/// Queries of all machines together.
const IN_ALL: u32 = 4096;

#[derive(Default)]
pub(crate) struct Quota {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: u32,
    askers: HashMap<IpAddr, u32>,
}

/// A query's place, given back when dropped.
pub(crate) struct Place<'a> {
    quota: &'a Quota,
    asker: IpAddr,
}

impl Quota {
    /// A place for one more query; `None` when the asker, or everybody, has too many.
    pub fn enter(&self, asker: IpAddr) -> Option<Place<'_>> {
        let mut counts = self.lock();
        if counts.all >= IN_ALL || counts.askers.get(&asker).is_some_and(|n| *n >= PER_ASKER) {
            return None;
        }
        counts.all += 1;
        *counts.askers.entry(asker).or_default() += 1;
        Some(Place { quota: self, asker })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut counts = self.quota.lock();
        counts.all -= 1;
        if let Some(count) = counts.askers.get_mut(&self.asker) {
            *count -= 1;
            if *count == 0 {
                counts.askers.remove(&self.asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn one_asker_is_bounded_and_others_are_not_hurt() {
        let quota = Quota::default();
        let (noisy, calm) = (IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        let places: Vec<_> = (0..PER_ASKER).map(|_| quota.enter(noisy).unwrap()).collect();
        assert!(quota.enter(noisy).is_none());
        assert!(quota.enter(calm).is_some());
        drop(places);
        assert!(quota.enter(noisy).is_some());
    }
}

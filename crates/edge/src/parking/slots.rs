//! The table of a thread's parked connections.

use std::time::Duration;

use tokio::time::Instant;

use super::{Parked, memory::Freed};

/// Deadlines are kept in steps of this, in four bytes each: all of them are looked through again and again.
const STEP: Duration = Duration::from_millis(250);

/// The deadline of a slot without a connection.
const NEVER: u32 = u32::MAX;

pub(super) struct Slots {
    begun: Instant,
    parked: Vec<Option<Parked>>,
    /// Steps since the beginning, by slot.
    deadlines: Vec<u32>,
    free: Vec<usize>,
    pub freed: Freed,
}

impl Slots {
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            parked: Vec::new(),
            deadlines: Vec::new(),
            free: Vec::new(),
            freed: Freed::default(),
        }
    }

    pub fn len(&self) -> usize {
        self.parked.len() - self.free.len()
    }

    pub fn put(&mut self, parked: Parked, deadline: Instant) -> usize {
        let deadline = self.steps(deadline).saturating_add(1).min(NEVER - 1);
        match self.free.pop() {
            Some(slot) => {
                (self.parked[slot], self.deadlines[slot]) = (Some(parked), deadline);
                slot
            }
            None => {
                self.parked.push(Some(parked));
                self.deadlines.push(deadline);
                self.parked.len() - 1
            }
        }
    }

    pub fn get(&self, slot: usize) -> Option<&Parked> {
        self.parked.get(slot)?.as_ref()
    }

    pub fn take(&mut self, slot: usize) -> Option<Parked> {
        let parked = self.parked.get_mut(slot)?.take()?;
        self.deadlines[slot] = NEVER;
        self.free.push(slot);
        Some(parked)
    }

    /// Slots of those whose time is over.
    pub fn late(&self, now: Instant) -> Vec<usize> {
        let now = self.steps(now);
        let deadlines = self.deadlines.iter().enumerate();
        deadlines.filter(|(_, deadline)| **deadline <= now).map(|(slot, _)| slot).collect()
    }

    pub fn all(&self) -> Vec<usize> {
        (0..self.parked.len()).collect()
    }

    fn steps(&self, at: Instant) -> u32 {
        let steps = at.saturating_duration_since(self.begun).as_millis() / STEP.as_millis();
        u32::try_from(steps).unwrap_or(NEVER - 1)
    }
}

//! Who of a connection has something to do: a mark for each, and one task for all.
//!
//! A waker marks its place and wakes the task, which takes all marks at once in its next turn. What is marked during a
//! turn is for the next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Wake, Waker},
};

use futures::task::AtomicWaker;

/// Places that there are.
pub(super) const PLACES: usize = WORDS * BITS;

const WORDS: usize = 2;
const BITS: usize = u64::BITS as usize;

#[derive(Default)]
pub(super) struct Marks {
    words: [AtomicU64; WORDS],
    task: AtomicWaker,
}

/// Sets one mark.
struct Marker {
    marks: Arc<Marks>,
    place: usize,
}

/// What was marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marked([u64; WORDS]);

impl Marks {
    /// Marks `place`, whoever calls it.
    pub fn waker(self: &Arc<Self>, place: usize) -> Waker {
        Waker::from(Arc::new(Marker { marks: self.clone(), place }))
    }

    /// Takes all marks. The task of `cx` is woken by the next.
    pub fn take(&self, cx: &Context<'_>) -> Marked {
        self.task.register(cx.waker());
        Marked(self.words.each_ref().map(|word| word.swap(0, Ordering::AcqRel)))
    }

    /// Takes the mark of one place.
    pub fn take_one(&self, place: usize) -> bool {
        self.words[place / BITS].fetch_and(!bit(place), Ordering::AcqRel) & bit(place) != 0
    }
}

impl Marked {
    /// Takes the mark of one place out.
    pub fn take_one(&mut self, place: usize) -> bool {
        let word = &mut self.0[place / BITS];
        let marked = *word & bit(place) != 0;
        *word &= !bit(place);
        marked
    }
}

impl Iterator for Marked {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let (at, word) = self.0.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
        let lowest = word.trailing_zeros() as usize;
        *word &= *word - 1;
        Some(at * BITS + lowest)
    }
}

impl Wake for Marker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let before = self.marks.words[self.place / BITS].fetch_or(bit(self.place), Ordering::AcqRel);
        // Who marked it first has woken the task, or is about to.
        if before & bit(self.place) == 0 {
            self.marks.task.wake();
        }
    }
}

fn bit(place: usize) -> u64 {
    1 << (place % BITS)
}

#[cfg(test)]
mod tests {
    use futures::task::{ArcWake, waker};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicU64);

    impl ArcWake for Woken {
        fn wake_by_ref(woken: &Arc<Self>) {
            woken.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_task_is_woken_once_and_finds_every_mark_once() {
        let (marks, task) = (Arc::new(Marks::default()), Arc::new(Woken::default()));
        let waker = waker(task.clone());
        let cx = Context::from_waker(&waker);
        assert_eq!(marks.take(&cx).count(), 0);
        for place in [0, 63, 64, 127, 64] {
            marks.waker(place).wake();
        }
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        let mut marked = marks.take(&cx);
        assert!(marked.take_one(0) && !marked.take_one(0) && !marked.take_one(1));
        assert_eq!(marked.collect::<Vec<_>>(), [63, 64, 127]);
        assert_eq!(marks.take(&cx).count(), 0);
        // Again after a turn.
        marks.waker(64).wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 2);
        assert!(marks.take_one(64) && !marks.take_one(64));
    }
}

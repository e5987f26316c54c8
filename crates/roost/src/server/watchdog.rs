//! Looks whether the event loops turn: one that does not serves nobody, and no timeout of its own can tell.
//!
//! A thread of its own asks each loop, again and again, to run something small. systemd hears that all of them did
//! (`WatchdogSec=`); without systemd a loop that stands still for too long ends the process, for another to start.

use std::{
    process,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use roost_edge::Loops;
use tokio::runtime::Handle;

use super::notify;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Longer than any step of ours on a busy box: it is logged.
const LATE: Duration = Duration::from_secs(5);

/// Nothing recovers from that.
const STUCK: Duration = Duration::from_secs(120);

/// The loops that are watched; clones are handles.
#[derive(Clone)]
pub struct Watch {
    edge: Loops,
    others: Arc<Mutex<Vec<Handle>>>,
}

impl Watch {
    /// Watches the loops of an edge, and those that are added later, for as long as the process lives.
    pub fn begin(edge: Loops) -> Self {
        let watch = Self { edge, others: Arc::default() };
        let watching = watch.clone();
        let begun = thread::Builder::new().name("watchdog".to_owned()).spawn(move || watching.run());
        if let Err(error) = begun {
            tracing::warn!(%error, "nobody watches the event loops");
        }
        watch
    }

    pub fn also(&self, handle: Handle) {
        self.lock().push(handle);
    }

    fn run(self) {
        loop {
            for handle in self.edge.handles() {
                turns(handle);
            }
            let others = self.lock().clone();
            for gone in others.into_iter().filter(|handle| !turns(handle)) {
                self.lock().retain(|handle| handle.id() != gone.id());
            }
            notify::alive();
            thread::sleep(LOOK_EVERY);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Handle>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until the loop has run something; false when it has ended.
fn turns(handle: &Handle) -> bool {
    let asked = Instant::now();
    match answer(handle, LATE) {
        Answer::Late(answered) => {
            tracing::error!("an event loop stands still");
            match answered.recv_timeout(STUCK) {
                Ok(()) => tracing::warn!(after = ?asked.elapsed(), "the event loop turns again"),
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {
                    tracing::error!("the event loop does not turn any more; this process ends");
                    process::abort();
                }
            }
            true
        }
        Answer::InTime => true,
        Answer::Gone => false,
    }
}

enum Answer {
    InTime,
    Late(mpsc::Receiver<()>),
    /// The loop has been shut down.
    Gone,
}

fn answer(handle: &Handle, limit: Duration) -> Answer {
    let (answer, answered) = sync_channel(1);
    handle.spawn(async move { answer.send(()) });
    match answered.recv_timeout(limit) {
        Ok(()) => Answer::InTime,
        Err(RecvTimeoutError::Disconnected) => Answer::Gone,
        Err(RecvTimeoutError::Timeout) => Answer::Late(answered),
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_told_from_one_that_turns_and_one_that_ended() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let handle = runtime.handle().clone();
        assert!(matches!(answer(&handle, Duration::from_secs(60)), Answer::InTime));

        let (go_on, held) = sync_channel::<()>(1);
        handle.spawn(async move { held.recv() });
        let Answer::Late(answered) = answer(&handle, Duration::from_millis(100)) else { panic!("it turns") };
        go_on.send(()).unwrap();
        answered.recv_timeout(Duration::from_secs(60)).expect("it turns again");

        runtime.shutdown_timeout(Duration::from_secs(60));
        assert!(matches!(answer(&handle, Duration::from_secs(60)), Answer::Gone));
    }
}

//! Requests that wait because every machine of their app is at its hard limit.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use roost_model::AppName;
use tokio::sync::Notify;

use crate::limits::MAX_QUEUED;

/// One queue per app that has one. Nothing here is touched while nobody waits.
#[derive(Default)]
pub(crate) struct Queues {
    waiting: AtomicUsize,
    apps: Mutex<HashMap<AppName, Arc<Queue>>>,
}

#[derive(Default)]
struct Queue {
    room: Notify,
    waiting: AtomicUsize,
}

/// A place in an app's queue; dropping it gives the place up.
pub(crate) struct Place<'a> {
    queues: &'a Queues,
    app: AppName,
    queue: Arc<Queue>,
}

impl Queues {
    /// A place at the end of the app's queue; `None` when it is as long as it may be.
    pub fn join(&self, app: &AppName) -> Option<Place<'_>> {
        let mut apps = self.lock();
        let queue = apps.entry(app.clone()).or_default().clone();
        if queue.waiting.load(Ordering::Acquire) >= MAX_QUEUED {
            return None;
        }
        queue.waiting.fetch_add(1, Ordering::AcqRel);
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Some(Place { queues: self, app: app.clone(), queue })
    }

    /// A request of `app` has ended: the first that waits may try.
    pub fn room(&self, app: &AppName) {
        if self.waiting.load(Ordering::Acquire) == 0 {
            return;
        }
        if let Some(queue) = self.lock().get(app) {
            queue.room.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AppName, Arc<Queue>>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Returns when there may be room.
    pub async fn turn(&self) {
        self.queue.room.notified().await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut apps = self.queues.lock();
        self.queues.waiting.fetch_sub(1, Ordering::AcqRel);
        if self.queue.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            apps.remove(&self.app);
        }
    }
}

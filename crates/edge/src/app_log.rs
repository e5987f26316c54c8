//! What the edge has to say to an app's owner, in the app's own log: what could not be served and why, and, where
//! its service asks for that, each request.
//!
//! ```text
//!  requests ─► lines of each app, bounded ──twice a second──► the host, which keeps the log
//! ```
//!
//! Nobody waits for it. What comes faster than it can be of use to anybody is counted instead: clients decide how
//! much there is to say, and it shall not push the app's own words out of its log.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use roost_host_api::{AppendLog, NewLogLine};
use roost_model::{AppName, MachineId};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::context::Edge;

/// Between two deliveries.
const PAUSE: Duration = Duration::from_millis(500);

/// Lines of one app for one delivery: 40 failures and 400 requests a second.
const MAX_TOLD: usize = 20;
const MAX_ACCESSES: usize = 200;

/// Apps that have something in one delivery: what the memory for it is bounded by.
const MAX_APPS: usize = 4096;

/// Deliveries at once.
const DELIVERIES: usize = 8;

#[derive(Default)]
pub(crate) struct AppLog {
    waiting: Mutex<HashMap<AppName, Waiting>>,
}

/// What a line is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Told,
    Access,
}

#[derive(Default)]
struct Waiting {
    told: Vec<NewLogLine>,
    accesses: Vec<NewLogLine>,
    left_out: u64,
}

impl AppLog {
    /// Says something about the app, or a machine of it.
    pub fn tell(&self, app: &AppName, machine: Option<&MachineId>, message: String) {
        self.add(app, Kind::Told, machine, message);
    }

    /// Notes a request.
    pub fn access(&self, app: &AppName, machine: &MachineId, message: String) {
        self.add(app, Kind::Access, Some(machine), message);
    }

    fn add(&self, app: &AppName, kind: Kind, machine: Option<&MachineId>, message: String) {
        let mut waiting = self.lock();
        if waiting.len() >= MAX_APPS && !waiting.contains_key(app) {
            return;
        }
        let of_app = waiting.entry(app.clone()).or_default();
        let (lines, most, process) = match kind {
            Kind::Told => (&mut of_app.told, MAX_TOLD, "edge"),
            Kind::Access => (&mut of_app.accesses, MAX_ACCESSES, "access"),
        };
        if lines.len() >= most {
            of_app.left_out += 1;
            return;
        }
        let (machine, process) = (machine.cloned(), process.to_owned());
        lines.push(NewLogLine { timestamp: Timestamp::now(), machine, process, message });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AppName, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delivers until `shutdown`, and what is left then.
pub(crate) async fn deliver(edge: Arc<Edge>, shutdown: CancellationToken) {
    loop {
        let ended = shutdown.run_until_cancelled(sleep(PAUSE)).await.is_none();
        let waiting = mem::take(&mut *edge.app_log.lock());
        stream::iter(waiting)
            .for_each_concurrent(DELIVERIES, |(app, waiting)| send(&edge, app, waiting))
            .await;
        if ended {
            return;
        }
    }
}

async fn send(edge: &Edge, app: AppName, waiting: Waiting) {
    let Waiting { told, accesses, left_out } = waiting;
    let mut lines: Vec<NewLogLine> = told.into_iter().chain(accesses).collect();
    lines.sort_by_key(|line| line.timestamp);
    if left_out > 0 {
        let message = format!("{left_out} more lines were left out: they came too fast");
        lines.push(NewLogLine {
            timestamp: Timestamp::now(),
            machine: None,
            process: "edge".into(),
            message,
        });
    }
    if let Err(error) = edge.host.append_log(&AppendLog { app, lines }).await {
        debug!(%error, "lines of the edge did not reach their app's log");
    }
}

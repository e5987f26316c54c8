//! Machines that nobody needs go to sleep.
//!
//! ```text
//!  every second, for each app: plan (routing::sleep)
//!    idle ───── close the door if nothing is in flight ───────────────┐
//!    excess ─── for long enough? close the door, wait until empty ────┤
//!                                                                     ▼
//!   ask the host to stop or suspend ─► wait until the catalog says so ─► open the door
//! ```
//!
//! Behind a closed door a machine gets no request: those that come meanwhile go elsewhere, or wait
//! until it sleeps and wake it again. A call that the host refuses opens the door at once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use roost_host_api::{Cause, HostError, Machine, StopMachine};
use roost_model::{AppName, MachineState, service::Autostop};
use roost_routing::{
    Target,
    sleep::{Group, Now, how, plan},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};
use tracing::{info, warn};

use crate::{
    context::Edge,
    limits::{DRAIN_LIMIT, RECHECK, SLEEP_PASS, SLEEPERS, STOP_REPORT},
};

/// Since when each group has had more machines than it needs.
type ExcessSince = HashMap<(AppName, Group), Instant>;

/// Looks again and again; never returns.
pub(crate) async fn run(edge: Arc<Edge>) {
    let room = Arc::new(Semaphore::new(SLEEPERS));
    let mut excess = ExcessSince::new();
    // An edge that has just begun cannot know who was busy a moment ago.
    let mut passes = interval_at(Instant::now() + edge.config.idle_after, SLEEP_PASS);
    passes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        passes.tick().await;
        edge.pool.sweep();
        edge.shared.sweep();
        edge.tunnels.sweep();
        edge.arrivals.sweep();
        edge.replays.sweep();
        pass(&edge, &room, &mut excess);
    }
}

fn pass(edge: &Arc<Edge>, room: &Arc<Semaphore>, excess: &mut ExcessSince) {
    let snapshot = edge.catalog.snapshot();
    let now = Now { running: edge.now(), wall: Timestamp::now() };
    let mut still = HashSet::new();
    for app in snapshot.apps() {
        for target in app.routes.targets() {
            target.load.forgive(now.running);
            if target.load.take_drain() {
                edge.tunnels.end(&target.id);
            }
        }
        let plan = plan(&app.routes, now, edge.config.idle_after);
        for target in plan.idle {
            let Ok(place) = room.clone().try_acquire_owned() else { break };
            if target.load.close_if_idle() {
                put_to_sleep(edge, place, &app.name, target, "idle");
            }
        }
        for (group, target) in plan.excess {
            let key = (app.name.clone(), group);
            let since = *excess.entry(key.clone()).or_insert_with(Instant::now);
            still.insert(key);
            if since.elapsed() >= edge.config.idle_after
                && let Ok(place) = room.clone().try_acquire_owned()
            {
                target.load.close();
                edge.tunnels.end(&target.id);
                put_to_sleep(edge, place, &app.name, target, "more machines than its load needs");
            }
        }
    }
    excess.retain(|key, _| still.contains(key));
}

/// Empties a machine and puts it to sleep whose door is closed; opens the door in the end, however it went.
fn put_to_sleep(
    edge: &Arc<Edge>,
    place: OwnedSemaphorePermit,
    app: &AppName,
    target: Arc<Target>,
    why: &'static str,
) {
    let (edge, app) = (edge.clone(), app.clone());
    edge.tasks.clone().spawn(async move {
        let door = Door(target);
        if emptied(&door.0).await {
            end(&edge, &app, &door.0, why).await;
        }
        drop((door, place));
    });
}

/// Opens again when dropped: also when the edge is stopped in between.
struct Door(Arc<Target>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.load.open();
    }
}

/// Waits for what is in flight; false when that takes too long.
async fn emptied(target: &Target) -> bool {
    let empty = async {
        while target.load.in_flight() > 0 {
            sleep(RECHECK).await;
        }
    };
    timeout(DRAIN_LIMIT, empty).await.is_ok()
}

async fn end(edge: &Edge, app: &AppName, target: &Target, why: &str) {
    if let Err(error) = ask_host(edge, app, target, why).await {
        return warn!(%app, machine = %target.id, %error, "machine could not be put to sleep");
    }
    let reported = edge.catalog.wait_for(|snapshot| {
        let machine = snapshot.app(app).and_then(|app| app.machine(&target.id));
        machine.is_none_or(|m| m.state != MachineState::Started).then_some(())
    });
    if timeout(STOP_REPORT, reported).await.is_err() {
        warn!(%app, machine = %target.id, "host did not report the end that it accepted");
    }
}

async fn ask_host(edge: &Edge, app: &AppName, target: &Target, why: &str) -> Result<Machine, HostError> {
    let cause = Cause { source: "proxy".into(), reason: Some(why.into()), lease_nonce: None };
    if how(target) == Autostop::Suspend {
        info!(%app, machine = %target.id, why, "suspending machine");
        return edge.host.suspend(&target.id, &cause).await;
    }
    info!(%app, machine = %target.id, why, "stopping machine");
    edge.host.stop(&target.id, &StopMachine { cause, signal: None, timeout: None }).await
}

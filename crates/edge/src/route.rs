//! Step 2: from the name of an app to a place in one of its machines.
//!
//! A request is admitted at once when a machine can take it. Else it waits, for a wake that it shares
//! with others, for room, for a machine to become healthy or to stop so that it can be started again,
//! and looks at the newest snapshot after each wait, until it is admitted or out of patience.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use roost_catalog::{AppEntry, Changes, Snapshot};
use roost_model::{AppName, MachineId};
use roost_routing::{Ask, Choice, Over, Pending, Steering, Target, Unavailable, choose};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    context::Edge,
    failure::{Code, Failure},
    limits,
    permit::Permit,
    wake,
};

/// One request's way to a machine, over all its attempts.
pub(crate) struct Journey {
    over: Over,
    edge: Arc<Edge>,
    app: AppName,
    public_port: u16,
    steering: Steering,
    /// As asked for at first; given up when its wake fails.
    preferred: Option<MachineId>,
    begun: Instant,
    deadline: Instant,
    /// Machines that refused this request since the last pause.
    excluded: Vec<MachineId>,
    first_refusal: Option<Instant>,
    /// When a host of the app's machines was last not heard, if that was so.
    unheard: Option<Instant>,
    backoff: Duration,
    /// Made when the request first has to wait: most never do.
    changes: Option<Changes>,
    /// What to say when time is up.
    last: Failure,
}

/// What a look at the snapshot gave.
enum Step {
    Admitted(Permit),
    Wake(Arc<Target>),
    Queue,
    Wait(Pending),
    /// The snapshot is too young to say that there is nothing.
    NotReady,
    /// Nothing to choose from, as far as a copy knows that may be behind by a moment: a deploy can have
    /// ended just now.
    Nothing(Failure),
    /// The same, as far as a copy knows whose host is not heard: it may be older by far, after a start.
    Unheard(Failure),
}

impl Journey {
    /// Of a request.
    pub fn new(edge: &Arc<Edge>, app: AppName, public_port: u16, steering: Steering) -> Self {
        Self::over(Over::Http, edge, app, public_port, steering)
    }

    pub fn over(over: Over, edge: &Arc<Edge>, app: AppName, public_port: u16, steering: Steering) -> Self {
        let begun = Instant::now();
        Self {
            over,
            edge: edge.clone(),
            app,
            public_port,
            preferred: steering.prefer_instance.clone(),
            steering,
            begun,
            deadline: begun + edge.config.patience,
            excluded: Vec::new(),
            first_refusal: None,
            unheard: None,
            backoff: limits::FIRST_BACKOFF,
            changes: None,
            last: Code::NotReady.into(),
        }
    }

    pub fn app(&self) -> &AppName {
        &self.app
    }

    pub fn begun(&self) -> Instant {
        self.begun
    }

    pub fn public_port(&self) -> u16 {
        self.public_port
    }

    /// The request goes elsewhere, with a patience of its own.
    pub fn reroute(&mut self, app: AppName, steering: Steering, limit: Option<Duration>) {
        let (changes, patience) = (self.changes.take(), self.edge.config.patience);
        let edge = self.edge.clone();
        *self = Self { changes, ..Self::over(self.over, &edge, app, self.public_port, steering) };
        self.deadline = self.begun + limit.unwrap_or(patience).min(patience);
    }

    /// The machine that the request would have preferred to this one.
    pub fn missed_preference(&self, target: &Target) -> Option<&MachineId> {
        self.preferred.as_ref().filter(|id| **id != target.id)
    }

    /// A place in a machine.
    pub async fn admit(&mut self) -> Result<Permit, Failure> {
        loop {
            let step = self.look()?;
            if let Step::Admitted(permit) = step {
                return Ok(permit);
            }
            if Instant::now() >= self.deadline {
                return Err(self.last.clone());
            }
            if self.changes.is_none() {
                // From here on no change is missed: look once more before waiting for one.
                self.changes = Some(self.edge.catalog.changes());
                continue;
            }
            self.wait(step).await?;
        }
    }

    /// The machine refused the connection: others first, then a pause, unless that has gone on for
    /// too long.
    pub fn refused(&mut self, target: &Target, failure: Failure) -> Result<(), Failure> {
        if target.load.refused(self.edge.now()) {
            let what = "refuses connections; others are tried first";
            self.edge.app_log.tell(&self.app, Some(&target.id), what.to_owned());
        }
        let first = *self.first_refusal.get_or_insert_with(Instant::now);
        let up = target.started_at.map_or(Duration::MAX, |started| {
            Duration::try_from(Timestamp::now().duration_since(started)).unwrap_or(Duration::ZERO)
        });
        if first.elapsed() > limits::REFUSAL_PATIENCE && up > limits::STARTUP_PATIENCE
            || Instant::now() >= self.deadline
        {
            return Err(failure);
        }
        self.excluded.push(target.id.clone());
        self.last = failure;
        Ok(())
    }

    /// How long the next attempt to connect may take: longer each time.
    pub fn dial_limit(&self) -> Duration {
        let Some(first) = self.first_refusal else { return limits::FIRST_DIAL };
        let left = self.deadline.saturating_duration_since(Instant::now()).max(limits::FIRST_DIAL);
        first.elapsed().clamp(limits::FIRST_DIAL, limits::LONGEST_DIAL).min(left)
    }

    fn look(&mut self) -> Result<Step, Failure> {
        let snapshot = self.edge.catalog.load();
        let Some(app) = snapshot.app(&self.app) else {
            return if snapshot.knows_all_apps() { Err(Code::UnknownApp.into()) } else { Ok(Step::NotReady) };
        };
        let ask = Ask {
            over: self.over,
            public_port: self.public_port,
            steering: &self.steering,
            excluded: &self.excluded,
        };
        match choose(&app.routes, &ask, &self.edge.vantage, &mut rand::rng()) {
            Choice::Serve { target, route, wake } => {
                if let Some(another) = wake {
                    drop(wake::begin(&self.edge, &self.app, another));
                }
                // Between the choice and the door another request may have taken the last place.
                let permit = Permit::enter(&self.edge, app, target, route);
                Ok(permit.map_or(Step::Queue, Step::Admitted))
            }
            Choice::Wake { target } => Ok(Step::Wake(Arc::clone(target))),
            Choice::Queue => Ok(Step::Queue),
            Choice::Wait(pending) => Ok(Step::Wait(pending)),
            Choice::Unavailable(Unavailable::NoMachines) if !hosts_are_known(&snapshot) => Ok(Step::NotReady),
            Choice::Unavailable(why) if is_news(why) && !is_heard(&snapshot, app) => {
                Ok(Step::Unheard(why.into()))
            }
            Choice::Unavailable(why @ (Unavailable::NoMachines | Unavailable::Cordoned)) => {
                Ok(Step::Nothing(why.into()))
            }
            // The host has said hello; how its machines are comes behind that.
            Choice::Unavailable(why) if is_news(why) && self.unheard.is_some() => {
                Ok(Step::Nothing(why.into()))
            }
            Choice::Unavailable(why) => Err(why.into()),
        }
    }

    async fn wait(&mut self, step: Step) -> Result<(), Failure> {
        match step {
            Step::Admitted(_) => {}
            Step::Wake(target) => {
                self.last = Code::WakeTimeout.into();
                let woken = timeout_at(self.deadline, wake::wake(&self.edge, &self.app, &target)).await;
                return match woken.unwrap_or_else(|_| Err(self.last.clone())) {
                    // It was a wish, no condition: others may serve.
                    Err(_) if self.steering.prefer_instance.as_ref() == Some(&target.id) => {
                        self.steering.prefer_instance = None;
                        Ok(())
                    }
                    woken => woken,
                };
            }
            Step::Queue => {
                self.last = Code::Full.into();
                let place = self.edge.queues.join(&self.app).ok_or(Code::Full)?;
                let _ = timeout_at(self.recheck(), place.turn()).await;
            }
            Step::Wait(Pending::Excluded) => {
                sleep(self.backoff).await;
                self.backoff = (self.backoff * 2).min(limits::LONGEST_BACKOFF);
                self.excluded.clear();
            }
            Step::Wait(pending) => {
                let healthy = pending == Pending::Unhealthy;
                self.last = if healthy { Code::Unhealthy } else { Code::WakeTimeout }.into();
                self.change().await;
            }
            Step::Nothing(why) if self.unheard.unwrap_or(self.begun).elapsed() > limits::STALE_PATIENCE => {
                return Err(why);
            }
            Step::Nothing(why) => {
                self.last = why;
                self.change().await;
            }
            Step::Unheard(why) if self.begun.elapsed() > limits::READY_PATIENCE => return Err(why),
            Step::Unheard(why) => {
                self.last = why;
                self.change().await;
                self.unheard = Some(Instant::now());
            }
            Step::NotReady if self.begun.elapsed() > limits::READY_PATIENCE => {
                return Err(Code::NotReady.into());
            }
            Step::NotReady => {
                self.last = Code::NotReady.into();
                self.change().await;
            }
        }
        Ok(())
    }

    /// Returns at the next change of the catalog, or soon: a door that opens again is no change.
    async fn change(&mut self) {
        let recheck = self.recheck();
        if let Some(changes) = &mut self.changes {
            let _ = timeout_at(recheck, changes.next()).await;
        }
    }

    fn recheck(&self) -> Instant {
        self.deadline.min(Instant::now() + limits::RECHECK)
    }
}

/// What a host tells of its machines can end it.
fn is_news(why: Unavailable) -> bool {
    use Unavailable::{Asleep, Cordoned, Failed, NoMachines};
    matches!(why, NoMachines | Cordoned | Asleep | Failed)
}

/// The hosts of the app's machines are connected.
fn is_heard(snapshot: &Snapshot, app: &AppEntry) -> bool {
    let is_reachable = |host| snapshot.hosts().get(host).is_some_and(|host| host.reachable);
    app.machines.iter().all(|machine| is_reachable(&machine.host))
}

/// Every host that was ever heard is connected, so a machine that is not listed does not exist.
fn hosts_are_known(snapshot: &Snapshot) -> bool {
    !snapshot.hosts().is_empty() && snapshot.hosts().values().all(|host| host.reachable)
}

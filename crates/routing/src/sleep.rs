//! Which machines of an app nobody needs.
//!
//! Two kinds may sleep: machines that have been idle for a while, and, in a group whose machines all
//! carry little, one whose load the others can take. Never below `min_machines_running`, and only
//! machines of which every service says `auto_stop`. Cordoned machines are left alone: somebody is
//! working on them. So are machines whose checks do not pass yet, for they have just started, and those that say
//! that they are busy.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use roost_model::{MachineState, Region, machine::LONGEST_BUSY, service::Autostop};

use crate::{App, Health, Target, Traits};

/// The moment that the plan is made for, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Since the edge's own start, as [`crate::Load`] counts.
    pub running: Duration,
    pub wall: Timestamp,
}

/// Machines that stand in for each other: of one process group in one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    pub name: Arc<str>,
    pub region: Region,
}

/// What may sleep.
#[derive(Debug, Default)]
pub struct Plan {
    /// Nothing in flight for long enough; longest first.
    pub idle: Vec<Arc<Target>>,
    /// Busy, but the others of its group would stay under their soft limits without it.
    /// One per group; worth stopping when the group has been like this for a while.
    pub excess: BTreeMap<Group, Arc<Target>>,
}

/// How a machine that nobody needs is put to sleep: suspended only if every service of it says so.
pub fn how(target: &Target) -> Autostop {
    let suspend = target.routes.iter().all(|route| route.autostop == Autostop::Suspend);
    if suspend { Autostop::Suspend } else { Autostop::Stop }
}

/// Decides for one app. `idle_after`: how long a machine must have had nothing to do.
pub fn plan(app: &App, now: Now, idle_after: Duration) -> Plan {
    let mut groups: BTreeMap<Group, Vec<&Arc<Target>>> = BTreeMap::new();
    // Looked at every second: most apps have nothing that may ever sleep, or nothing that does not.
    if !app.cohorts().iter().any(|cohort| runs(cohort.traits()) && stops_by_itself(cohort.traits())) {
        return Plan::default();
    }
    for target in app.targets().filter(|t| serves(t)) {
        let group = Group { name: target.group.clone(), region: target.region.clone() };
        groups.entry(group).or_default().push(target);
    }
    let mut plan = Plan::default();
    for (group, running) in groups {
        plan_group(group, &running, now, idle_after, &mut plan);
    }
    plan
}

fn plan_group(group: Group, running: &[&Arc<Target>], now: Now, idle_after: Duration, plan: &mut Plan) {
    let floor = running.iter().map(|t| floor(t)).max().unwrap_or(0);
    let may_stop = running.len().saturating_sub(floor);
    let mut idle: Vec<(Duration, &Arc<Target>)> = running
        .iter()
        .filter(|t| may_sleep(t, now))
        .filter_map(|t| Some((idle_for(t, now)?, *t)))
        .filter(|(idle, _)| *idle >= idle_after)
        .collect();
    idle.sort_by_key(|(idle, _)| std::cmp::Reverse(*idle));
    let stopped = idle.len().min(may_stop);
    plan.idle.extend(idle.iter().take(may_stop).map(|(_, t)| Arc::clone(t)));
    if stopped == 0
        && may_stop > 0
        && let Some(target) = excess(running, now)
    {
        plan.excess.insert(group, Arc::clone(target));
    }
}

/// The least loaded machine, if the others can carry its load and one request more and stay under
/// their soft limits: with less room the next request would only wake it again.
fn excess<'a>(running: &[&'a Arc<Target>], now: Now) -> Option<&'a Arc<Target>> {
    let least = running.iter().filter(|t| may_sleep(t, now)).min_by_key(|t| t.load.in_flight())?;
    let others = running.iter().filter(|t| t.id != least.id);
    let room: u64 = others.map(|t| u64::from(soft_limit(t).saturating_sub(t.load.in_flight()))).sum();
    (room > u64::from(least.load.in_flight())).then_some(least)
}

/// Counts as a running machine of its group.
fn serves(target: &Target) -> bool {
    runs(target) && !target.load.is_closed()
}

fn runs(traits: &Traits) -> bool {
    traits.state == MachineState::Started && !traits.cordoned
}

fn may_sleep(target: &Target, now: Now) -> bool {
    stops_by_itself(target) && !is_busy(target, now)
}

fn stops_by_itself(traits: &Traits) -> bool {
    !traits.routes.is_empty()
        && traits.routes.iter().all(|route| route.autostop != Autostop::Off)
        && traits.health.iter().all(|health| *health == Health::Passing)
}

/// Background work is the machine's to tell of; for no longer than a machine may say so.
fn is_busy(target: &Target, now: Now) -> bool {
    target.busy_until.is_some_and(|until| {
        let left = Duration::try_from(until.duration_since(now.wall)).unwrap_or(Duration::ZERO);
        !left.is_zero() && left <= LONGEST_BUSY
    })
}

/// How long the machine has had nothing to do; `None` while something is in flight.
fn idle_for(target: &Target, now: Now) -> Option<Duration> {
    if target.load.in_flight() > 0 {
        return None;
    }
    let up = now.wall.duration_since(target.started_at?);
    let up = Duration::try_from(up).unwrap_or(Duration::ZERO);
    let quiet = target.load.last_active().map(|last| now.running.saturating_sub(last));
    Some(quiet.map_or(up, |quiet| quiet.min(up)))
}

fn floor(target: &Target) -> usize {
    target.routes.iter().map(|route| route.min_machines_running as usize).max().unwrap_or(0)
}

fn soft_limit(target: &Target) -> u32 {
    target.routes.iter().map(|route| route.limits.soft).min().unwrap_or(0)
}

//! Which machine serves a request.
//!
//! Of the machines that run, are not cordoned and whose checks do not fail, the best: first one that refused no
//! connections a moment ago, then the one that the client prefers, then by health, by load class, by distance, and by
//! dice among equals.
//! When all that run are past their soft limit one more is woken beside them; when none runs, or the one that
//! is preferred by name sleeps, one is woken and waited for.
//!
//! ```text
//!  request ─► quick: dice among the machines that could not be better but for their load ─► at ease? that one
//!                │ not at ease, or some machine is asked for by name
//!                └─► thorough: each machine's rank, the best, dice among equals
//! ```
//!
//! Both ways obey the same rules, with the same odds: the quick one finds nothing, or one of those that the thorough one
//! would throw its dice for. It looks at one machine where the other one looks at all.

use std::{sync::Arc, time::Duration};

use rand::Rng;
use roost_model::{MachineId, MachineState, Region};

use crate::{
    App, Binding, Cohort, Health, LoadClass, Over, Place, Target, Vantage,
    app::Member,
    best::{Best, Rank, Seen},
};

/// Times that the dice are thrown for a machine at ease before all are looked at.
const QUICK_TRIES: usize = 2;

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub over: Over,
    /// The port that the node's listener stands for.
    pub public_port: u16,
    pub steering: &'a Steering,
    /// Machines that failed this very request a moment ago.
    pub excluded: &'a [MachineId],
}

/// Wishes of the client (`fly-force-instance-id` and its kin), or of an app that wants a request replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steering {
    /// Only this machine.
    pub force_instance: Option<MachineId>,
    /// This machine when it can serve.
    pub prefer_instance: Option<MachineId>,
    /// Only these places; empty: all.
    pub force_regions: Vec<Place>,
    /// These places first, in this order.
    pub prefer_regions: Vec<Place>,
    /// Any but this machine.
    pub elsewhere_than: Option<MachineId>,
}

/// What to do with the request now.
#[derive(Debug, Clone, Copy)]
pub enum Choice<'a> {
    /// Send it there; when `wake` is set, also start that one for the requests to come.
    Serve { target: &'a Arc<Target>, route: usize, wake: Option<&'a Arc<Target>> },
    /// Start this one, wait until it runs, choose again.
    Wake { target: &'a Arc<Target> },
    /// All that run are at their hard limit: wait until one has room.
    Queue,
    /// Nothing can serve now, but something is about to change by itself.
    Wait(Pending),
    /// Nothing will serve until a person acts.
    Unavailable(Unavailable),
}

/// What a request may wait for. The greatest is the nearest to serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pending {
    /// On its way down, or being emptied; it can be started after that.
    Stopping,
    /// Its checks fail.
    Unhealthy,
    /// It failed this very request; it may be about to listen.
    Excluded,
    Starting,
}

/// Why no machine can serve. The greatest says most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unavailable {
    NoMachines,
    /// None has a service that speaks HTTP.
    NoService,
    /// Only in states that nothing leads out of.
    Failed,
    /// None where the client's headers ask for.
    NoneForced,
    /// The nodes of all of them cannot be reached.
    Unreachable,
    Cordoned,
    /// All are stopped, and the service does not start machines by itself.
    Asleep,
}

/// Chooses by the rules above; reads the machines' load at this moment.
pub fn choose<'a>(app: &'a App, ask: &Ask<'_>, vantage: &Vantage, rng: &mut impl Rng) -> Choice<'a> {
    let tries = if ask.names_machines() { 0 } else { QUICK_TRIES };
    let quick = (0..tries).find_map(|_| quick(app, ask, vantage, rng));
    quick.unwrap_or_else(|| thorough(app, ask, vantage, rng))
}

/// One of the machines that are the best whatever their load, by dice; if it is at ease, none is better.
fn quick<'a>(app: &'a App, ask: &Ask<'_>, vantage: &Vantage, rng: &mut impl Rng) -> Option<Choice<'a>> {
    let mut best: Best<(&Cohort, &Binding), _> = Best::default();
    for cohort in app.cohorts() {
        if let Standing::Running(fixed) = standing(cohort, ask, vantage)
            && fixed.binding.health != Health::Failing
        {
            let rank = (fixed.region, fixed.binding.health, fixed.distance);
            best.offer(rank, (cohort, fixed.binding), cohort.members().len(), rng);
        }
    }
    let (cohort, binding) = best.found()?;
    let members = cohort.members();
    let Member { target, load } = match members {
        [only] => only,
        many => &many[rng.random_range(0..many.len())],
    };
    let route = usize::from(binding.route);
    load.is_at_ease(binding.limits).then_some(Choice::Serve { target, route, wake: None })
}

/// Looks at every machine.
fn thorough<'a>(app: &'a App, ask: &Ask<'_>, vantage: &Vantage, rng: &mut impl Rng) -> Choice<'a> {
    let mut seen = Seen::default();
    for cohort in app.cohorts() {
        match standing(cohort, ask, vantage) {
            // Whoever has no such service is not asked for in any way.
            Standing::Out(why @ Unavailable::NoService) => seen.out(why),
            standing => {
                cohort.members().iter().for_each(|member| look(member, &standing, ask, &mut seen, rng));
            }
        }
    }
    seen.conclude()
}

/// Where all machines of a cohort stand with respect to one request, whatever each has to do.
enum Standing<'a> {
    Running(Fixed<'a>),
    Asleep(Fixed<'a>),
    Pending(Pending),
    Out(Unavailable),
}

/// What of a machine's rank is no matter of its load.
struct Fixed<'a> {
    binding: &'a Binding,
    region: usize,
    distance: Duration,
}

fn standing<'a>(cohort: &'a Cohort, ask: &Ask<'_>, vantage: &Vantage) -> Standing<'a> {
    let Some(binding) = cohort.binding(ask.over, ask.public_port) else {
        return Standing::Out(Unavailable::NoService);
    };
    let Steering { force_regions, prefer_regions, .. } = ask.steering;
    let region = || &cohort.traits().region;
    if !force_regions.is_empty() && !force_regions.iter().any(|place| place.contains(region())) {
        return Standing::Out(Unavailable::NoneForced);
    }
    let Some(distance) = vantage.distance(&cohort.host) else {
        return Standing::Out(Unavailable::Unreachable);
    };
    if cohort.cordoned {
        return Standing::Out(Unavailable::Cordoned);
    }
    let region = if prefer_regions.is_empty() { 0 } else { region_rank(region(), prefer_regions) };
    let fixed = Fixed { binding, region, distance };
    match cohort.state {
        MachineState::Started => Standing::Running(fixed),
        state if state.can_start() && binding.autostart => Standing::Asleep(fixed),
        state if state.can_start() => Standing::Out(Unavailable::Asleep),
        MachineState::Starting | MachineState::Replacing => Standing::Pending(Pending::Starting),
        // Its host goes on from the memory that it still has, without writing or reading it.
        MachineState::Suspending if binding.autostart => Standing::Asleep(fixed),
        MachineState::Stopping if binding.autostart => Standing::Pending(Pending::Stopping),
        MachineState::Stopping | MachineState::Suspending => Standing::Out(Unavailable::Asleep),
        _ => Standing::Out(Unavailable::Failed),
    }
}

/// Position among the preferred places; those that nobody named come last.
fn region_rank(region: &Region, preferred: &[Place]) -> usize {
    preferred.iter().position(|place| place.contains(region)).unwrap_or(preferred.len())
}

fn look<'a>(
    member: &'a Member,
    standing: &Standing<'_>,
    ask: &Ask<'_>,
    seen: &mut Seen<'a>,
    rng: &mut impl Rng,
) {
    if !is_asked_for(&member.target, ask.steering) {
        return seen.out(Unavailable::NoneForced);
    }
    match standing {
        Standing::Running(fixed) => running(member, fixed, ask, seen, rng),
        Standing::Asleep(fixed) => seen.asleep(rank(member, fixed, ask.steering), &member.target, rng),
        Standing::Pending(pending) => seen.pending(*pending),
        Standing::Out(why) => seen.out(*why),
    }
}

/// By name; where it is has been looked at.
fn is_asked_for(target: &Target, steering: &Steering) -> bool {
    steering.force_instance.as_ref().is_none_or(|id| *id == target.id)
        && steering.elsewhere_than.as_ref().is_none_or(|id| *id != target.id)
}

fn running<'a>(
    member: &'a Member,
    fixed: &Fixed<'_>,
    ask: &Ask<'_>,
    seen: &mut Seen<'a>,
    rng: &mut impl Rng,
) {
    let rank = rank(member, fixed, ask.steering);
    if member.load.is_closed() {
        seen.pending(Pending::Stopping);
    } else if !ask.excluded.is_empty() && ask.excluded.contains(&member.target.id) {
        seen.pending(Pending::Excluded);
    } else if rank.health == Health::Failing {
        seen.pending(Pending::Unhealthy);
    } else if rank.class == LoadClass::Full {
        seen.full();
    } else {
        seen.ready(rank, &member.target, usize::from(fixed.binding.route), rng);
    }
}

fn rank(member: &Member, fixed: &Fixed<'_>, steering: &Steering) -> Rank {
    let Binding { health, limits, .. } = fixed.binding;
    Rank {
        out: member.load.is_out(),
        not_preferred: steering.prefer_instance.as_ref().is_some_and(|id| *id != member.target.id),
        region: fixed.region,
        health: *health,
        class: member.load.class(limits.soft, limits.hard),
        distance: fixed.distance,
    }
}

impl Ask<'_> {
    /// Machines of one cohort are not all the same to it.
    fn names_machines(&self) -> bool {
        let Steering { force_instance, prefer_instance, elsewhere_than, .. } = self.steering;
        let named = force_instance.is_some() || prefer_instance.is_some() || elsewhere_than.is_some();
        named || !self.excluded.is_empty()
    }
}

//! Which machine serves a request.
//!
//! Of the machines that run, are not cordoned and whose checks do not fail, the best: first one that refused no
//! connections a moment ago, then the one that the client prefers, then by health, by load class, by distance, and by
//! dice among equals.
//! When all that run are past their soft limit one more is woken beside them; when none runs, or the one that
//! is preferred by name sleeps, one is woken and waited for.

use std::{cmp::Ordering, sync::Arc, time::Duration};

use rand::Rng;
use roost_model::{MachineId, MachineState, Region, service::Protocol};

use crate::{App, Health, LoadClass, Place, Route, Target, Vantage, find_port, find_service};

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

/// What arrives at the public port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// A request.
    Http,
    /// A connection that is carried as it is.
    Tcp,
    /// Datagrams of one client.
    Udp,
}

impl Over {
    /// Index of the service that this arrives at.
    pub fn service(self, routes: &[Route], public_port: u16) -> Option<usize> {
        let exactly = |protocol| find_port(routes, protocol, public_port).map(|(route, _)| route);
        match self {
            Self::Http => find_service(routes, public_port),
            Self::Tcp => exactly(Protocol::Tcp),
            Self::Udp => exactly(Protocol::Udp),
        }
    }
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
    let mut seen = Seen::default();
    // Most machines of an app have the same services: looked through once.
    let mut last: Option<(&Arc<[Route]>, Option<usize>)> = None;
    for target in &app.targets {
        let route = match last {
            Some((routes, route)) if Arc::ptr_eq(routes, &target.routes) => route,
            _ => ask.over.service(&target.routes, ask.public_port),
        };
        last = Some((&target.routes, route));
        seen.add(target, standing(target, route, ask, vantage), rng);
    }
    seen.conclude()
}

/// Less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// It refused connections a moment ago.
    out: bool,
    not_preferred: bool,
    region: usize,
    health: Health,
    class: LoadClass,
    distance: Duration,
}

/// Where one machine stands with respect to one request.
enum Standing {
    Ready(Rank, usize),
    Full,
    Asleep(Rank),
    Pending(Pending),
    Out(Unavailable),
}

/// `route` is the service that the request is for, if the machine has it.
fn standing(target: &Target, route: Option<usize>, ask: &Ask<'_>, vantage: &Vantage) -> Standing {
    let steering = ask.steering;
    let Some(route) = route else {
        return Standing::Out(Unavailable::NoService);
    };
    if !allowed(target, steering) {
        return Standing::Out(Unavailable::NoneForced);
    }
    let Some(distance) = vantage.distance(target) else {
        return Standing::Out(Unavailable::Unreachable);
    };
    if target.cordoned {
        return Standing::Out(Unavailable::Cordoned);
    }
    let limits = target.routes[route].limits;
    let rank = Rank {
        out: target.load.is_out(),
        not_preferred: steering.prefer_instance.as_ref().is_some_and(|id| *id != target.id),
        region: region_rank(&target.region, &steering.prefer_regions),
        health: target.health[route],
        class: target.load.class(limits.soft, limits.hard),
        distance,
    };
    match target.state {
        MachineState::Started => running(target, ask, rank, route),
        state if state.can_start() && target.routes[route].autostart => Standing::Asleep(rank),
        state if state.can_start() => Standing::Out(Unavailable::Asleep),
        MachineState::Starting | MachineState::Replacing => Standing::Pending(Pending::Starting),
        // Its host goes on from the memory that it still has, without writing or reading it.
        MachineState::Suspending if target.routes[route].autostart => Standing::Asleep(rank),
        MachineState::Stopping if target.routes[route].autostart => Standing::Pending(Pending::Stopping),
        MachineState::Stopping | MachineState::Suspending => Standing::Out(Unavailable::Asleep),
        _ => Standing::Out(Unavailable::Failed),
    }
}

fn running(target: &Target, ask: &Ask<'_>, rank: Rank, route: usize) -> Standing {
    if target.load.is_closed() {
        Standing::Pending(Pending::Stopping)
    } else if ask.excluded.contains(&target.id) {
        Standing::Pending(Pending::Excluded)
    } else if rank.health == Health::Failing {
        Standing::Pending(Pending::Unhealthy)
    } else if rank.class == LoadClass::Full {
        Standing::Full
    } else {
        Standing::Ready(rank, route)
    }
}

fn allowed(target: &Target, steering: &Steering) -> bool {
    let instance = steering.force_instance.as_ref().is_none_or(|id| *id == target.id);
    let here = steering.force_regions.is_empty()
        || steering.force_regions.iter().any(|place| place.contains(&target.region));
    instance && here && steering.elsewhere_than.as_ref() != Some(&target.id)
}

/// Position among the preferred places; those that nobody named come last.
fn region_rank(region: &Region, preferred: &[Place]) -> usize {
    preferred.iter().position(|place| place.contains(region)).unwrap_or(preferred.len())
}

/// The best seen so far of each standing.
#[derive(Default)]
struct Seen<'a> {
    ready: Best<'a, usize>,
    asleep: Best<'a, ()>,
    full: bool,
    pending: Option<Pending>,
    out: Option<Unavailable>,
}

impl<'a> Seen<'a> {
    fn add(&mut self, target: &'a Arc<Target>, standing: Standing, rng: &mut impl Rng) {
        match standing {
            Standing::Ready(rank, route) => self.ready.offer(rank, target, route, rng),
            Standing::Asleep(rank) => self.asleep.offer(rank, target, (), rng),
            Standing::Full => self.full = true,
            Standing::Pending(pending) => self.pending = self.pending.max(Some(pending)),
            Standing::Out(why) => self.out = self.out.max(Some(why)),
        }
    }

    fn conclude(self) -> Choice<'a> {
        // One start at a time: what starts, or has just started, may be all that is needed.
        let wakeable = self.asleep.best.filter(|_| self.pending < Some(Pending::Excluded));
        if let Some((rank, target, route)) = self.ready.best {
            // The one that was asked for by name is worth a start.
            if rank.not_preferred
                && let Some((Rank { not_preferred: false, .. }, target, ())) = wakeable
            {
                return Choice::Wake { target };
            }
            let wake = wakeable
                .filter(|_| rank.out || rank.class != LoadClass::UnderSoft)
                .map(|(_, target, ())| target);
            return Choice::Serve { target, route, wake };
        }
        match (wakeable, self.pending) {
            (Some((_, target, ())), _) => Choice::Wake { target },
            (None, _) if self.full => Choice::Queue,
            (None, Some(pending)) => Choice::Wait(pending),
            (None, None) => Choice::Unavailable(self.out.unwrap_or(Unavailable::NoMachines)),
        }
    }
}

/// The best of a kind, and how many were as good.
struct Best<'a, T> {
    best: Option<(Rank, &'a Arc<Target>, T)>,
    equals: u32,
}

impl<T> Default for Best<'_, T> {
    fn default() -> Self {
        Self { best: None, equals: 0 }
    }
}

impl<'a, T> Best<'a, T> {
    /// Keeps the better one; among `n` equals each stays with probability `1/n`.
    fn offer(&mut self, rank: Rank, target: &'a Arc<Target>, extra: T, rng: &mut impl Rng) {
        let order = self.best.as_ref().map_or(Ordering::Less, |(best, ..)| rank.cmp(best));
        self.equals = match order {
            Ordering::Less => 1,
            Ordering::Equal => self.equals + 1,
            Ordering::Greater => return,
        };
        if rng.random_ratio(1, self.equals) {
            self.best = Some((rank, target, extra));
        }
    }
}

//! The choice against the rules as one would write them down: each machine looked at by itself, nothing prepared,
//! nothing shared, no shortcut.

use std::{
    collections::{BTreeSet, HashMap},
    net::{Ipv4Addr, Ipv6Addr},
    sync::{Arc, LazyLock},
    time::Duration,
};

use proptest::{prelude::*, sample::select};
use rand::{SeedableRng, rngs::StdRng};
use roost_model::{
    MachineId, MachineState,
    service::{Handler, Protocol, Service},
};
use roost_routing::{
    App, Ask, Choice, Health, Load, LoadClass, Over, Pending, Route, Steering, Target, Traits, Unavailable,
    Vantage, choose,
};
use serde_json::json;

/// What may be done with a request, whatever the dice say.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// By one of these, and one of the others is started.
    Serve(BTreeSet<(MachineId, usize)>, BTreeSet<MachineId>),
    Wake(BTreeSet<MachineId>),
    Queue,
    Wait(Pending),
    Unavailable(Unavailable),
}

type Rank = (bool, bool, usize, Health, LoadClass, Duration);

/// What a look at one machine says.
enum One {
    Ready(Rank, usize),
    Full,
    Asleep(Rank),
    Pending(Pending),
    Out(Unavailable),
}

fn reference(machines: &[Arc<Target>], ask: &Ask<'_>, vantage: &Vantage) -> Answer {
    let seen: Vec<_> = machines.iter().map(|machine| (machine, one(machine, ask, vantage))).collect();
    let pending =
        seen.iter().filter_map(|(_, one)| if let One::Pending(p) = one { Some(*p) } else { None }).max();
    let ready: Vec<_> = seen
        .iter()
        .filter_map(|(m, one)| {
            if let One::Ready(rank, route) = one { Some((*rank, (m.id.clone(), *route))) } else { None }
        })
        .collect();
    let asleep: Vec<_> = seen
        .iter()
        .filter_map(|(m, one)| if let One::Asleep(rank) = one { Some((*rank, m.id.clone())) } else { None })
        .collect();
    let something_starts = matches!(pending, Some(Pending::Starting | Pending::Excluded));
    let (best_asleep, wakeable) = if something_starts { (None, BTreeSet::new()) } else { best(asleep) };
    let (best_ready, servers) = best(ready);
    match (best_ready, best_asleep) {
        (Some((_, true, ..)), Some((_, false, ..))) => Answer::Wake(wakeable),
        (Some((false, _, _, _, LoadClass::UnderSoft, _)), _) => Answer::Serve(servers, BTreeSet::new()),
        (Some(_), _) => Answer::Serve(servers, wakeable),
        (None, Some(_)) => Answer::Wake(wakeable),
        (None, None) if seen.iter().any(|(_, one)| matches!(one, One::Full)) => Answer::Queue,
        (None, None) => match pending {
            Some(pending) => Answer::Wait(pending),
            None => {
                let why = seen
                    .iter()
                    .filter_map(|(_, one)| if let One::Out(why) = one { Some(*why) } else { None });
                Answer::Unavailable(why.max().unwrap_or(Unavailable::NoMachines))
            }
        },
    }
}

fn best<T: Ord + Clone>(ranked: Vec<(Rank, T)>) -> (Option<Rank>, BTreeSet<T>) {
    let best = ranked.iter().map(|(rank, _)| *rank).min();
    (best, ranked.into_iter().filter(|(rank, _)| Some(*rank) == best).map(|(_, found)| found).collect())
}

fn one(machine: &Target, ask: &Ask<'_>, vantage: &Vantage) -> One {
    use MachineState::*;
    let wishes = ask.steering;
    let Some(at) = service(&machine.routes, ask) else { return One::Out(Unavailable::NoService) };
    let Route { limits, autostart, .. } = machine.routes[at];
    let named = wishes.force_instance.as_ref().is_none_or(|id| *id == machine.id);
    let placed = wishes.force_regions.is_empty()
        || wishes.force_regions.iter().any(|place| place.contains(&machine.region));
    if !named || !placed || wishes.elsewhere_than.as_ref() == Some(&machine.id) {
        return One::Out(Unavailable::NoneForced);
    }
    let Some(distance) = vantage.distance(&machine.host) else { return One::Out(Unavailable::Unreachable) };
    if machine.cordoned {
        return One::Out(Unavailable::Cordoned);
    }
    let preferred = wishes.prefer_regions.iter().position(|place| place.contains(&machine.region));
    let rank = (
        machine.load.is_out(),
        wishes.prefer_instance.as_ref().is_some_and(|id| *id != machine.id),
        preferred.unwrap_or(wishes.prefer_regions.len()),
        machine.health[at],
        machine.load.class(limits.soft, limits.hard),
        distance,
    );
    match machine.state {
        Started if machine.load.is_closed() => One::Pending(Pending::Stopping),
        Started if ask.excluded.contains(&machine.id) => One::Pending(Pending::Excluded),
        Started if machine.health[at] == Health::Failing => One::Pending(Pending::Unhealthy),
        Started if rank.4 == LoadClass::Full => One::Full,
        Started => One::Ready(rank, at),
        Starting | Replacing => One::Pending(Pending::Starting),
        Stopped | Suspended | Created | Suspending
            if machine.state == Suspending || machine.state.can_start() =>
        {
            if autostart {
                One::Asleep(rank)
            } else {
                One::Out(Unavailable::Asleep)
            }
        }
        Stopping if autostart => One::Pending(Pending::Stopping),
        Stopping => One::Out(Unavailable::Asleep),
        _ => One::Out(Unavailable::Failed),
    }
}

/// The first service that has the port; for a request, else the first that speaks HTTP.
fn service(routes: &[Route], ask: &Ask<'_>) -> Option<usize> {
    let http = ask.over == Over::Http;
    let protocol = if ask.over == Over::Udp { Protocol::Udp } else { Protocol::Tcp };
    let answers = |route: &Route, any_port: bool| {
        route.protocol == protocol
            && route.ports.iter().any(|port| {
                (any_port || (port.first..=port.last).contains(&ask.public_port))
                    && (!http || port.handlers.contains(&Handler::Http))
            })
    };
    let exactly = routes.iter().position(|route| answers(route, false));
    exactly.or_else(|| routes.iter().position(|route| http && answers(route, true)))
}

/// Sets of services that machines have: with another port, with one that sleeps, with bytes and datagrams beside HTTP.
static SERVICES: LazyLock<Vec<Arc<[Route]>>> = LazyLock::new(|| {
    let http = |port: u16, hard: Option<u32>, autostart: bool| {
        json!({ "internal_port": 1, "autostart": autostart,
            "ports": [{ "port": port, "handlers": ["http"] }, { "port": 443, "handlers": ["tls", "http"] }],
            "concurrency": { "soft_limit": 2, "hard_limit": hard } })
    };
    let bytes = json!({ "internal_port": 2, "ports": [{ "start_port": 5000, "end_port": 5999 }] });
    let udp = json!({ "internal_port": 3, "protocol": "udp", "ports": [{ "port": 53 }] });
    let sets = [
        vec![http(80, Some(4), true)],
        vec![http(80, Some(4), false)],
        vec![bytes.clone(), http(8081, None, true), http(80, Some(3), true)],
        vec![udp, bytes],
    ];
    let routes = |set: Vec<serde_json::Value>| -> Arc<[Route]> {
        set.into_iter().map(|s| Route::from(&serde_json::from_value::<Service>(s).unwrap())).collect()
    };
    sets.map(routes).into()
});

fn machine() -> impl Strategy<Value = Arc<Target>> {
    let state = prop_oneof![4 => Just(MachineState::Started), 2 => select(MachineState::ALL.to_vec())];
    let place = (select(vec!["here", "here", "near", "lost"]), select(vec!["fra", "fra", "ord"]));
    let services = prop_oneof![3 => Just(0), 2 => 0..4usize];
    let health = prop_oneof![3 => Just(Health::Passing), 1 => select(vec![Health::Unknown, Health::Failing])];
    let health = prop::collection::vec(health, 3);
    let load = prop_oneof![2 => Just(0), 1 => 0..=4u32];
    let rare = || prop::bool::weighted(0.15);
    (state, place, services, health, load, (rare(), rare(), rare())).prop_map(
        |(state, (host, region), services, health, in_flight, (cordoned, out, closed))| {
            let routes = SERVICES[services].clone();
            let load = Load::default();
            (0..in_flight).for_each(|_| load.enter(None).unwrap());
            while out && !load.is_out() {
                load.refused(Duration::ZERO);
            }
            if closed {
                load.close();
            }
            let traits = Traits {
                host: host.parse().unwrap(),
                region: region.parse().unwrap(),
                group: "app".into(),
                state,
                cordoned,
                health: health[..routes.len()].into(),
                routes,
            };
            target(traits, load)
        },
    )
}

/// Wishes that name machines by their place in the app.
#[derive(Debug, Clone)]
struct Wishes {
    force: Option<usize>,
    prefer: Option<usize>,
    elsewhere: Option<usize>,
    force_regions: Vec<&'static str>,
    prefer_regions: Vec<&'static str>,
    excluded: Vec<usize>,
}

fn wishes() -> impl Strategy<Value = Wishes> {
    let one = || prop::option::weighted(0.15, 0..8usize);
    let places = || {
        prop_oneof![
            3 => Just(vec![]),
            1 => prop::collection::vec(select(vec!["fra", "ord", "eu", "any", "syd"]), 1..3)
        ]
    };
    let excluded = prop_oneof![3 => Just(vec![]), 1 => prop::collection::vec(0..8usize, 0..3)];
    (one(), one(), one(), places(), places(), excluded).prop_map(
        |(force, prefer, elsewhere, force_regions, prefer_regions, excluded)| Wishes {
            force,
            prefer,
            elsewhere,
            force_regions,
            prefer_regions,
            excluded,
        },
    )
}

fn asks() -> impl Strategy<Value = (Over, u16)> {
    prop_oneof![
        4 => Just((Over::Http, 80)),
        1 => select(vec![(Over::Http, 8081), (Over::Http, 9), (Over::Tcp, 5432), (Over::Tcp, 443), (Over::Udp, 53)])
    ]
}

/// Everything that the dice can make of it.
fn answers(app: &App, ask: &Ask<'_>, vantage: &Vantage) -> Answer {
    let mut dice = StdRng::seed_from_u64(1);
    let mut choice = || choose(app, ask, vantage, &mut dice);
    let (mut servers, mut woken) = (BTreeSet::new(), BTreeSet::new());
    // So often that none of eight equals is left out once in many years.
    for _ in 0..300 {
        match choice() {
            Choice::Serve { target, route, wake } => {
                servers.insert((target.id.clone(), route));
                woken.extend(wake.map(|target| target.id.clone()));
            }
            Choice::Wake { target } => drop(woken.insert(target.id.clone())),
            Choice::Queue => return Answer::Queue,
            Choice::Wait(pending) => return Answer::Wait(pending),
            Choice::Unavailable(why) => return Answer::Unavailable(why),
        }
    }
    if servers.is_empty() { Answer::Wake(woken) } else { Answer::Serve(servers, woken) }
}

fn vantage() -> Vantage {
    Vantage {
        host: "here".parse().unwrap(),
        paths: HashMap::from([("near".parse().unwrap(), Duration::from_millis(2))]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_choice_is_what_the_rules_say(
        machines in prop::collection::vec(machine(), 0..8),
        wishes in wishes(),
        (over, public_port) in asks(),
    ) {
        let id = |at: usize| machines.get(at).map_or_else(MachineId::none, |machine| machine.id.clone());
        let places = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let steering = Steering {
            force_instance: wishes.force.map(id),
            prefer_instance: wishes.prefer.map(id),
            elsewhere_than: wishes.elsewhere.map(id),
            force_regions: places(&wishes.force_regions),
            prefer_regions: places(&wishes.prefer_regions),
        };
        let excluded: Vec<_> = wishes.excluded.iter().map(|at| id(*at)).collect();
        let ask = Ask { over, public_port, steering: &steering, excluded: &excluded };
        let app: App = machines.iter().cloned().collect();
        prop_assert_eq!(answers(&app, &ask, &vantage()), reference(&machines, &ask, &vantage()));
    }

    /// However an app came to its machines, they are its machines.
    #[test]
    fn an_app_holds_the_machines_that_were_put_in(
        machines in prop::collection::vec(machine(), 1..8),
        changes in prop::collection::vec((0..8usize, any::<bool>(), machine()), 0..20),
    ) {
        let mut app: App = machines.iter().cloned().collect();
        let mut model: Vec<_> = machines.clone();
        for (at, removed, as_this) in changes {
            let id = machines[at % machines.len()].id.clone();
            model.retain(|machine| machine.id != id);
            if removed {
                app.remove(&id);
            } else {
                let target = Arc::new(Target { id, ..Target::clone(&as_this) });
                app.put(target.clone());
                model.push(target);
            }
        }
        let sorted = |targets: Vec<&Arc<Target>>| {
            targets.into_iter().map(|t| (t.id.clone(), Arc::as_ptr(t))).collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(sorted(app.targets().collect()), sorted(model.iter().collect()));
        let kinds = app.cohorts().iter().map(|cohort| cohort.traits());
        let twice = kinds.clone().enumerate().any(|(at, one)| kinds.clone().skip(at + 1).any(|other| other == one));
        prop_assert!(!twice, "machines that are alike are together");
    }
}

#[test]
fn equals_of_two_kinds_get_equal_shares_beside_busy_ones() {
    let target = |group: &str, busy: bool| {
        let load = Load::default();
        (0..if busy { 2 } else { 0 }).for_each(|_| load.enter(None).unwrap());
        let traits = Traits {
            host: "here".parse().unwrap(),
            region: "fra".parse().unwrap(),
            group: group.into(),
            state: MachineState::Started,
            cordoned: false,
            health: [Health::Passing].into(),
            routes: SERVICES[0].clone(),
        };
        target(traits, load)
    };
    let of_group = |group: &'static str, ease: usize, busy: usize| {
        (0..ease + busy).map(move |number| target(group, number >= ease))
    };
    let machines: Vec<_> = of_group("web", 1, 5).chain(of_group("worker", 3, 0)).collect();
    let app: App = machines.iter().cloned().collect();
    let (steering, mut dice) = (Steering::default(), StdRng::seed_from_u64(3));
    let ask = Ask { over: Over::Http, public_port: 80, steering: &steering, excluded: &[] };
    let mut shares: HashMap<MachineId, u32> = HashMap::new();
    for _ in 0..4000 {
        let Choice::Serve { target, .. } = choose(&app, &ask, &vantage(), &mut dice) else {
            panic!("somebody can serve");
        };
        *shares.entry(target.id.clone()).or_default() += 1;
    }
    assert!(shares.len() == 4 && shares.values().all(|n| (850..1150).contains(n)), "{shares:?}");
}

fn target(traits: Traits, load: Load) -> Arc<Target> {
    Arc::new(Target {
        id: MachineId::generate(),
        private_ip: Ipv6Addr::LOCALHOST,
        ipv4: Ipv4Addr::LOCALHOST,
        started_at: None,
        busy_until: None,
        traits: Arc::new(traits),
        load: Arc::new(load),
    })
}

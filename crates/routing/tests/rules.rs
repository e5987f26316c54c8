//! The rules of routing and sleeping, held against random apps.

use std::{collections::HashMap, net::Ipv4Addr, net::Ipv6Addr, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, sample::select};
use rand::{SeedableRng, rngs::StdRng};
use roost_model::{MachineId, MachineState, service::Service};
use roost_routing::{
    App, Ask, Choice, Health, Load, LoadClass, Over, Route, Steering, Target, Traits, Vantage, choose,
    sleep::{Now, plan},
};
use serde_json::json;

/// What a test says of a machine.
#[derive(Debug, Clone)]
struct Spec {
    state: MachineState,
    health: Health,
    cordoned: bool,
    in_flight: u32,
    host: &'static str,
    autostart: bool,
    autostop: bool,
    minimum: u32,
    idle_secs: i64,
    region: &'static str,
    /// It refused connections a moment ago.
    out: bool,
    busy: bool,
}

const SOFT: u32 = 2;
const HARD: u32 = 4;
const IDLE_AFTER: Duration = Duration::from_secs(10);

fn spec() -> impl Strategy<Value = Spec> {
    let health = select(vec![Health::Passing, Health::Passing, Health::Unknown, Health::Failing]);
    let state = prop_oneof![3 => Just(MachineState::Started), 2 => select(MachineState::ALL.to_vec())];
    let flags = (prop::bool::weighted(0.2), any::<bool>(), any::<bool>());
    let place = (select(vec!["here", "near", "far", "lost"]), select(vec!["fra", "ord"]));
    let words = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (state, health, flags, 0..=HARD, place, words, 0..3u32, 0..30i64).prop_map(
        |(
            state,
            health,
            (cordoned, autostart, autostop),
            in_flight,
            (host, region),
            (out, busy),
            minimum,
            idle_secs,
        )| Spec {
            state,
            health,
            cordoned,
            in_flight,
            host,
            autostart,
            autostop,
            minimum,
            idle_secs,
            region,
            out,
            busy,
        },
    )
}

fn app(specs: &[Spec], now: Timestamp) -> App {
    specs.iter().map(|spec| Arc::new(target(spec, now))).collect()
}

fn target(spec: &Spec, now: Timestamp) -> Target {
    let service: Service = serde_json::from_value(json!({
        "internal_port": 8080,
        "ports": [{"port": 80, "handlers": ["http"]}],
        "concurrency": {"soft_limit": SOFT, "hard_limit": HARD},
        "autostart": spec.autostart,
        "autostop": if spec.autostop { "stop" } else { "off" },
        "min_machines_running": spec.minimum,
    }))
    .unwrap();
    let load = Load::default();
    (0..spec.in_flight).for_each(|_| load.enter(None).unwrap());
    while spec.out && !load.is_out() {
        load.refused(Duration::ZERO);
    }
    let traits = Traits {
        host: spec.host.parse().unwrap(),
        region: spec.region.parse().unwrap(),
        group: "app".into(),
        state: spec.state,
        cordoned: spec.cordoned,
        routes: [Route::from(&service)].into(),
        health: Arc::new([spec.health]),
    };
    Target {
        id: MachineId::generate(),
        private_ip: Ipv6Addr::LOCALHOST,
        ipv4: Ipv4Addr::LOCALHOST,
        started_at: Some(now - SignedDuration::from_secs(spec.idle_secs)),
        busy_until: spec.busy.then(|| now + SignedDuration::from_secs(60)),
        traits: Arc::new(traits),
        load: Arc::new(load),
    }
}

fn vantage() -> Vantage {
    let paths = [("near", 2), ("far", 90)].map(|(id, ms)| (id.parse().unwrap(), Duration::from_millis(ms)));
    Vantage { host: "here".parse().unwrap(), paths: HashMap::from(paths) }
}

fn ask<'a>(steering: &'a Steering) -> Ask<'a> {
    Ask { over: Over::Http, public_port: 80, steering, excluded: &[] }
}

/// The order that the rules promise, from best to worst.
fn rank(target: &Target, vantage: &Vantage) -> (bool, Health, LoadClass, Duration) {
    (
        target.load.is_out(),
        target.health[0],
        target.load.class(SOFT, Some(HARD)),
        vantage.distance(&target.host).unwrap(),
    )
}

fn can_serve(target: &Target, vantage: &Vantage) -> bool {
    target.state == MachineState::Started
        && !target.cordoned
        && target.health[0] != Health::Failing
        && target.load.in_flight() < HARD
        && vantage.distance(&target.host).is_some()
}

fn can_wake(target: &Target, vantage: &Vantage) -> bool {
    (target.state.can_start() || target.state == MachineState::Suspending)
        && !target.cordoned
        && target.routes[0].autostart
        && vantage.distance(&target.host).is_some()
}

proptest! {
    #[test]
    fn the_best_machine_that_can_serve_serves(specs in prop::collection::vec(spec(), 0..8), seed: u64) {
        let app = app(&specs, Timestamp::now());
        let (vantage, steering) = (vantage(), Steering::default());
        let best = app.targets().filter(|t| can_serve(t, &vantage)).map(|t| rank(t, &vantage)).min();
        let starting = app.targets().any(|t| {
            matches!(t.state, MachineState::Starting | MachineState::Replacing)
                && !t.cordoned
                && vantage.distance(&t.host).is_some()
        });
        let wakeable = !starting && app.targets().any(|t| can_wake(t, &vantage));
        match choose(&app, &ask(&steering), &vantage, &mut StdRng::seed_from_u64(seed)) {
            Choice::Serve { target, wake, .. } => {
                prop_assert!(can_serve(target, &vantage));
                prop_assert_eq!(Some(rank(target, &vantage)), best);
                let strained = target.load.is_out() || target.load.class(SOFT, Some(HARD)) != LoadClass::UnderSoft;
                prop_assert_eq!(wake.is_some(), strained && wakeable);
            }
            Choice::Wake { target } => {
                prop_assert!(best.is_none() && can_wake(target, &vantage));
            }
            Choice::Queue | Choice::Wait(_) | Choice::Unavailable(_) => {
                prop_assert!(best.is_none() && !wakeable);
            }
        }
    }

    #[test]
    fn nothing_that_is_needed_goes_to_sleep(specs in prop::collection::vec(spec(), 0..8)) {
        let wall = Timestamp::now();
        let app = app(&specs, wall);
        let now = Now { running: Duration::from_secs(3600), wall };
        let plan = plan(&app, now, IDLE_AFTER);
        for target in &plan.idle {
            prop_assert_eq!(target.load.in_flight(), 0);
            prop_assert!(target.started_at.unwrap() <= wall - SignedDuration::from_secs(10));
        }
        let serves = |t: &&Arc<Target>| t.state == MachineState::Started && !t.cordoned;
        let asleep: Vec<_> = plan.idle.iter().chain(plan.excess.values()).collect();
        for target in &asleep {
            prop_assert!(serves(target) && target.routes[0].autostop != Default::default());
            prop_assert!(target.busy_until.is_none(), "it says that it is busy");
            prop_assert_eq!(target.health[0], Health::Passing);
        }
        for region in ["fra", "ord"] {
            let here = |t: &&Arc<Target>| t.region.as_str() == region;
            let running = app.targets().filter(serves).filter(here).count();
            let floor = app.targets().filter(serves).filter(here);
            let floor = floor.map(|t| t.routes[0].min_machines_running).max().unwrap_or(0);
            let leaving = asleep.iter().filter(|t| here(t)).count();
            prop_assert!(leaving == 0 || running - leaving >= floor as usize, "each region keeps its floor");
        }
        for excess in plan.excess.values() {
            let others = app.targets().filter(serves);
            let others = others.filter(|t| t.id != excess.id && t.region == excess.region);
            let room: u32 = others.map(|t| SOFT.saturating_sub(t.load.in_flight())).sum();
            prop_assert!(room > excess.load.in_flight(), "the others stay under their soft limits");
        }
    }
}

#[test]
fn equals_get_equal_shares() {
    let specs = vec![
        Spec {
            state: MachineState::Started,
            health: Health::Passing,
            cordoned: false,
            in_flight: 0,
            host: "here",
            autostart: true,
            autostop: false,
            minimum: 0,
            idle_secs: 0,
            region: "fra",
            out: false,
            busy: false,
        };
        4
    ];
    let app = app(&specs, Timestamp::now());
    let (vantage, steering, mut rng) = (vantage(), Steering::default(), StdRng::seed_from_u64(7));
    let mut shares: HashMap<MachineId, u32> = HashMap::new();
    for _ in 0..4000 {
        let Choice::Serve { target, .. } = choose(&app, &ask(&steering), &vantage, &mut rng) else {
            panic!("somebody can serve");
        };
        *shares.entry(target.id.clone()).or_default() += 1;
    }
    assert!(shares.len() == 4 && shares.values().all(|n| (850..1150).contains(n)), "{shares:?}");
}

#[test]
fn a_request_that_was_just_refused_waits_instead_of_waking_more() {
    let running = Spec {
        state: MachineState::Started,
        health: Health::Passing,
        cordoned: false,
        in_flight: 0,
        host: "here",
        autostart: true,
        autostop: false,
        minimum: 0,
        idle_secs: 0,
        region: "fra",
        out: false,
        busy: false,
    };
    let asleep = Spec { state: MachineState::Stopped, ..running.clone() };
    let app = app(&[running, asleep], Timestamp::now());
    let steering = Steering::default();
    let excluded = [app.targets().find(|t| t.state == MachineState::Started).unwrap().id.clone()];
    let ask = Ask { over: Over::Http, public_port: 80, steering: &steering, excluded: &excluded };
    let choice = choose(&app, &ask, &vantage(), &mut StdRng::seed_from_u64(1));
    assert!(matches!(choice, Choice::Wait(roost_routing::Pending::Excluded)), "{choice:?}");
}

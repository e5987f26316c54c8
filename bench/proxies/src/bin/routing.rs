//! One routing decision among many machines, through the code that the edge calls: from the value of a `Host` header to
//! a machine, over the catalog's snapshot.
//!
//! Memory is what the allocator has handed out, and beside it what the kernel counts.

use std::{
    alloc::{GlobalAlloc, Layout},
    hint::black_box,
    net::Ipv4Addr,
    process,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use roost_bench_proxies::{certificate::BASE_DOMAIN, counted, machine, report::median};
use roost_catalog::{Catalog, CatalogConfig, Change};
use roost_host_api::Machine;
use roost_memory::Allocator;
use roost_model::MachineState;
use roost_routing::{Ask, Choice, Over, Steering, Vantage, choose};

const APPS: usize = 100_000;
const MACHINES_PER_APP: usize = 10;

/// As many as one swap of the catalog takes when a host tells of all its machines.
const BATCH: usize = 512;

const ROUNDS: usize = 5;
const DECISIONS: usize = 1_000_000;
const CHANGES: usize = 10_000;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: all is the system's; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { Allocator.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { Allocator.dealloc(memory, layout) }
    }
}

fn main() -> Result<()> {
    let (heap, resident) = (ALLOCATED.load(Ordering::Relaxed), counted::resident(process::id())?);
    let catalog = Catalog::open(CatalogConfig::default());
    catalog.apply([Change::HostHello(Box::new(machine::host()?)), Change::AllApps(Vec::new())]);
    fill(&catalog)?;
    let machines = APPS * MACHINES_PER_APP;
    let there: usize = catalog.snapshot().apps().map(|app| app.routes.targets().count()).sum();
    ensure!(there == machines, "machines are missing");
    let each = |bytes: usize| bytes as f64 / machines as f64;
    let heap = each(ALLOCATED.load(Ordering::Relaxed) - heap);
    let resident = each((counted::resident(process::id())? - resident) as usize);
    println!("{machines} machines of {APPS} apps: {heap:.0} bytes each, {resident:.0} resident");

    let [popular, cold] = [Traffic::Popular, Traffic::Even].map(|traffic| decisions(&catalog, traffic));
    let (popular, cold) = (popular?, cold?);
    println!(
        "a decision: {popular:.0} ns CPU, {cold:.0} ns when every app is asked for as often as any other"
    );
    let change = change(&catalog)?;
    println!("a change of one machine: {change:.1} us CPU");
    strain(&catalog);
    let strained = decisions(&catalog, Traffic::Even)?;
    println!("a decision when no machine is at ease: {strained:.0} ns CPU");
    println!(
        "result: machines={machines} apps={APPS} decision_ns={popular:.0} cold_decision_ns={cold:.0} machine_bytes={heap:.0} \
         machine_resident_bytes={resident:.0} change_us={change:.1} strained_decision_ns={strained:.0}"
    );
    Ok(())
}

fn fill(catalog: &Catalog) -> Result<()> {
    let (template, mut batch) = (template()?, Vec::with_capacity(BATCH));
    for number in 0..APPS * MACHINES_PER_APP {
        batch.push(told(&template, number, MachineState::Started)?);
        if batch.len() == BATCH {
            catalog.apply(batch.drain(..));
        }
    }
    catalog.apply(batch);
    Ok(())
}

fn template() -> Result<Machine> {
    machine::running("0123456789abcd", "app", Ipv4Addr::LOCALHOST, 8080)
}

/// What a host tells of a machine; those of an app are not told one after another.
fn told(template: &Machine, number: usize, state: MachineState) -> Result<Change> {
    let mut told = template.clone();
    told.id = format!("{number:014x}").parse()?;
    told.app = app(number % APPS).parse()?;
    told.ipv4 = Ipv4Addr::from(0x0a00_0000 + number as u32);
    told.config.image = format!("registry.example/{}:1", told.app);
    told.image = told.config.image.parse()?;
    told.state = state;
    Ok(Change::Machine(Box::new(told)))
}

fn app(number: usize) -> String {
    format!("app-{number:06}")
}

/// Which apps are asked for.
#[derive(Clone, Copy)]
enum Traffic {
    /// As in the wild: the second app half as often as the first, the third a third as often (Zipf).
    Popular,
    /// Nothing of an app is in a cache of the CPU's when it is asked for.
    Even,
}

impl Traffic {
    /// One round's worth of `Host` headers.
    fn hosts(self, dice: &mut StdRng) -> Vec<String> {
        let mut apps: Vec<usize> = (0..APPS).collect();
        apps.shuffle(dice);
        let mut rank = |number: usize| match self {
            Self::Popular => (APPS as f64).powf(dice.random::<f64>()) as usize % APPS,
            Self::Even => number,
        };
        (0..APPS).map(|number| format!("{}.{BASE_DOMAIN}:8080", app(apps[rank(number)]))).collect()
    }
}

/// No machine is as good as it could be any more: each decision has to look at all that an app has.
fn strain(catalog: &Catalog) {
    for app in catalog.snapshot().apps() {
        for target in app.routes.targets() {
            while !target.load.is_out() {
                target.load.refused(Duration::ZERO);
            }
        }
    }
}

fn decisions(catalog: &Catalog, traffic: Traffic) -> Result<f64> {
    let rounds =
        (0..ROUNDS).map(|round| decide(catalog, traffic, round as u64)).collect::<Result<Vec<_>>>()?;
    Ok(median(rounds.into_iter()))
}

/// Nanoseconds of CPU for one decision.
fn decide(catalog: &Catalog, traffic: Traffic, seed: u64) -> Result<f64> {
    let hosts = traffic.hosts(&mut StdRng::seed_from_u64(seed));
    let vantage = Vantage::alone(machine::HOST.parse()?);
    let steering = Steering::default();
    let begun = counted::cpu_time(process::id())?;
    for number in 0..DECISIONS {
        let host = &hosts[number % hosts.len()];
        let snapshot = catalog.load();
        let app = snapshot.app_of_host(host, BASE_DOMAIN).context("an app is missing")?;
        let ask = Ask { over: Over::Http, public_port: 80, steering: &steering, excluded: &[] };
        match choose(&app.routes, &ask, &vantage, &mut rand::rng()) {
            Choice::Serve { target, .. } => black_box(target),
            other => anyhow::bail!("{host}: {other:?}"),
        };
    }
    Ok(per(counted::cpu_time(process::id())? - begun, DECISIONS) * 1e3)
}

/// Microseconds of CPU until the change of one machine is seen, while a reader holds the snapshot before.
fn change(catalog: &Catalog) -> Result<f64> {
    let (template, mut dice) = (template()?, StdRng::seed_from_u64(0));
    let mut machine =
        || told(&template, dice.random_range(0..APPS * MACHINES_PER_APP), MachineState::Stopped);
    let changes: Vec<Change> = (0..CHANGES).map(|_| machine()).collect::<Result<_>>()?;
    let begun = counted::cpu_time(process::id())?;
    for change in changes {
        let before = catalog.snapshot();
        catalog.apply([change]);
        drop(before);
    }
    Ok(per(counted::cpu_time(process::id())? - begun, CHANGES))
}

/// Microseconds of each.
fn per(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / count as f64
}

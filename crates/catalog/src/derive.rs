//! From a host's record of a machine to what readers of the catalog see.

use std::sync::Arc;

use roost_host_api::Machine;
use roost_model::{
    machine::{busy_until, metadata},
    service::{CheckEffect, CheckResult, CheckStatus, Service},
};
use roost_routing::{App, Health, Load, Route, Target, Traits};

use crate::{
    AppEntry, HostEntry, MachineEntry,
    machine_entry::{Ending, Labels},
};

/// The entry of `machine` among those of its app, on a host that is known or is not.
pub(crate) fn entry(machine: &Machine, app: &AppEntry, host: Option<&HostEntry>) -> MachineEntry {
    let entry = MachineEntry {
        app: machine.app.clone(),
        target: Arc::new(target(machine)),
        network: machine.network,
        updated_at: machine.updated_at,
        labels: Arc::new(Labels::of(machine)),
        ending: Ending::of(machine),
    };
    settled(entry, app, host)
}

/// The entry as the app's next version has it: it goes on counting what is in flight, and shares what it has in common
/// with the app's other machines and with its host.
pub(crate) fn settled(entry: MachineEntry, app: &AppEntry, host: Option<&HostEntry>) -> MachineEntry {
    let MachineEntry { target, network, updated_at, labels, ending, .. } = entry;
    let target = Arc::try_unwrap(target).unwrap_or_else(|shared| Target::clone(&shared));
    let own = app.machine(&target.id);
    let target = Target {
        traits: shared(target.traits, &app.routes, host),
        load: own.map_or(target.load, |own| own.target.load.clone()),
        ..target
    };
    let labels = known(labels, app.machines.iter().map(|machine| &machine.labels));
    MachineEntry { app: app.name.clone(), target: Arc::new(target), network, updated_at, labels, ending }
}

/// The traits of another machine of the app if they are the same, else what parts of them are there already.
fn shared(traits: Arc<Traits>, app: &App, host: Option<&HostEntry>) -> Arc<Traits> {
    let others = || app.cohorts().iter().map(|cohort| cohort.traits());
    if let Some(same) = others().find(|other| **other == traits) {
        return same.clone();
    }
    let traits = Arc::unwrap_or_clone(traits);
    let info = host.map(|host| &host.info);
    Arc::new(Traits {
        host: known(traits.host, info.map(|info| &info.id).into_iter().chain(others().map(|t| &t.host))),
        region: known(
            traits.region,
            info.map(|info| &info.region).into_iter().chain(others().map(|t| &t.region)),
        ),
        group: known(traits.group, others().map(|t| &t.group)),
        health: known(traits.health, others().map(|t| &t.health)),
        routes: known(traits.routes, others().map(|t| &t.routes)),
        ..traits
    })
}

/// An equal value that is there already, else this one.
fn known<'a, T: PartialEq + Clone + 'a>(value: T, mut there: impl Iterator<Item = &'a T>) -> T {
    there.find(|one| **one == value).cloned().unwrap_or(value)
}

fn target(machine: &Machine) -> Target {
    Target {
        id: machine.id.clone(),
        private_ip: machine.private_ip,
        ipv4: machine.ipv4,
        started_at: machine.started_at,
        busy_until: machine.config.metadata.get(metadata::BUSY_UNTIL).and_then(|value| busy_until(value)),
        traits: Arc::new(traits(machine)),
        load: Arc::new(Load::default()),
    }
}

fn traits(machine: &Machine) -> Traits {
    let services = &machine.config.services;
    let health = services.iter().map(|s| health(s, &machine.checks).max(readiness(machine)));
    Traits {
        host: machine.host.clone(),
        region: machine.region.clone(),
        group: machine.config.process_group().into(),
        state: machine.state,
        cordoned: machine.cordoned,
        health: health.collect(),
        routes: services.iter().map(|s| Route::from(s).with_statics(&machine.config.statics)).collect(),
    }
}

/// What the service's own checks say. Their statuses are named `servicecheck-<nn>-<type>-<port>`.
fn health(service: &Service, statuses: &[CheckStatus]) -> Health {
    let one = |check: &roost_model::service::ServiceCheck| {
        let port = check.port.unwrap_or(service.internal_port);
        let of_port = |name: &str| {
            name.starts_with("servicecheck-")
                && name.rsplit('-').next().is_some_and(|p| p.parse() == Ok(port))
        };
        let found = statuses.iter().filter(|status| of_port(&status.name));
        found.map(|status| result(status.status)).max().unwrap_or(Health::Unknown)
    };
    service.checks.iter().map(one).max().unwrap_or(Health::Passing)
}

/// What those checks of the machine itself say that keep requests away from all of its services.
fn readiness(machine: &Machine) -> Health {
    let named = machine.config.checks.iter().filter(|(_, c)| c.effect == Some(CheckEffect::Readiness));
    let one = |name: &str| {
        let found = machine.checks.iter().find(|status| status.name == name);
        found.map_or(Health::Unknown, |status| result(status.status))
    };
    named.map(|(name, _)| one(name)).max().unwrap_or(Health::Passing)
}

fn result(result: CheckResult) -> Health {
    match result {
        CheckResult::Passing => Health::Passing,
        CheckResult::Warning => Health::Unknown,
        CheckResult::Critical => Health::Failing,
    }
}

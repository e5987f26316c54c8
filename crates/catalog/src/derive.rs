//! From a host's record of a machine to what routing reads.

use std::sync::Arc;

use roost_host_api::Machine;
use roost_model::service::{CheckEffect, CheckResult, CheckStatus, Service};
use roost_routing::{Health, Load, Route, Target};

/// The target of `machine`. `earlier` is the app's list before the change: the machine's own count of
/// requests is handed on from there, and equal routes are shared.
pub(crate) fn target(machine: &Machine, earlier: &[Arc<Target>]) -> Target {
    let own = earlier.iter().find(|t| t.id == machine.id);
    Target {
        id: machine.id.clone(),
        instance: machine.instance_id,
        host: machine.host.clone(),
        region: machine.region.clone(),
        group: machine.config.process_group().into(),
        private_ip: machine.private_ip,
        ipv4: machine.ipv4,
        state: machine.state,
        started_at: machine.started_at,
        cordoned: machine.cordoned,
        routes: routes(machine, own.into_iter().chain(earlier)),
        health: machine
            .config
            .services
            .iter()
            .map(|s| health(s, &machine.checks).max(readiness(machine)))
            .collect(),
        load: own.map_or_else(|| Arc::new(Load::default()), |t| Arc::clone(&t.load)),
    }
}

fn routes<'a>(machine: &Machine, mut earlier: impl Iterator<Item = &'a Arc<Target>>) -> Arc<[Route]> {
    let routes: Vec<Route> = machine.config.services.iter().map(Route::from).collect();
    match earlier.find(|t| *t.routes == *routes) {
        Some(target) => Arc::clone(&target.routes),
        None => routes.into(),
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

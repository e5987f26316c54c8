//! What a release wants and what is there, as the planner reads it.

use std::collections::BTreeMap;

use roost_app_config::AppConfig;
use roost_host_api::Machine;
use roost_model::machine::metadata;
use roost_planner::{
    CountSource, Desired, DesiredGroup, MaxUnavailable, ObservedMachine, Replacement, Strategy, counts,
};
use roost_records::ReleaseRecord;

use crate::{
    api::Api,
    error::{ApiError, Result},
};

/// Marks machines that releases make; others of the app are left alone.
const MANAGED: &str = "v2";

/// Machines of a group on its first deploy, so that one may be replaced while the other serves.
const HIGHLY_AVAILABLE: u32 = 2;

/// The machines of the app that releases manage.
pub async fn observe(api: &Api, app: &roost_model::AppName) -> Result<Vec<ObservedMachine>> {
    let mut observed = Vec::new();
    for host in api.hosts.all() {
        let machines = host.machines(Some(app)).await?;
        observed.extend(machines.iter().filter(|m| is_managed(m)).map(observed_machine));
    }
    Ok(observed)
}

/// The release that made or last updated the machine.
pub fn release_of(machine: &Machine) -> Option<u64> {
    machine.config.metadata.get(metadata::RELEASE_VERSION)?.parse().ok()
}

/// Made by a release.
pub fn is_managed(machine: &Machine) -> bool {
    machine.config.metadata.get(metadata::PLATFORM_VERSION).is_some_and(|version| version == MANAGED)
}

fn observed_machine(machine: &Machine) -> ObservedMachine {
    ObservedMachine {
        id: machine.id.clone(),
        group: machine.config.process_group().to_owned(),
        release: release_of(machine),
        state: machine.state,
        cordoned: machine.cordoned,
        healthy: machine.checks_pass(),
    }
}

/// What the release wants, with counts from (in this order) `asked`, what is there, the default.
pub fn desired(
    release: &ReleaseRecord,
    config: &AppConfig,
    observed: &[ObservedMachine],
    asked: &BTreeMap<String, u32>,
    ha: bool,
) -> Desired {
    let groups = config.process_groups().into_iter().map(|group| {
        let first_deploy = if ha && group.has_services && !group.has_mounts { HIGHLY_AVAILABLE } else { 1 };
        let source = CountSource { asked: asked.clone(), observed, first_deploy };
        let count = counts([group.name.as_str()], &source).remove(&group.name).unwrap_or(first_deploy);
        let replacement = Replacement::of(group.has_services, group.has_mounts);
        (group.name, DesiredGroup { count, replacement })
    });
    let max_unavailable = config.deploy.max_unavailable.and_then(|value| MaxUnavailable::new(value).ok());
    Desired {
        release: release.version,
        strategy: strategy(&release.strategy),
        max_unavailable: max_unavailable.unwrap_or_default(),
        groups: groups.collect(),
    }
}

/// Strategies that are no other than rolling here are carried out as rolling, which is as safe.
fn strategy(name: &str) -> Strategy {
    if name == "immediate" { Strategy::Immediate } else { Strategy::Rolling }
}

/// The release's configuration.
pub fn config_of(release: &ReleaseRecord) -> Result<AppConfig> {
    serde_json::from_value(release.config.clone()).map_err(|e| {
        ApiError::internal(format!("release v{} has a broken configuration: {e}", release.version))
    })
}

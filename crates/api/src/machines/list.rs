//! Lists of machines, and one of them.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use roost_api_types::Machine;
use roost_host_api::Machine as HostMachine;

use crate::{
    api::Api,
    error::Result,
    http::{AppPath, MachinePath, Params},
};

/// Prefix of query keys that filter by metadata.
const METADATA: &str = "metadata.";

pub async fn list(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<BTreeMap<String, String>>,
) -> Result<Json<Vec<Machine>>> {
    let mut machines = Vec::new();
    for host in api.hosts.all() {
        machines.extend(host.machines(Some(&app.name)).await?);
    }
    machines.retain(|machine| asked_for(machine, &query));
    machines.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Json(machines.into_iter().map(Machine::from).collect()))
}

pub async fn get(path: MachinePath) -> Json<Machine> {
    Json(path.machine.into())
}

fn asked_for(machine: &HostMachine, query: &BTreeMap<String, String>) -> bool {
    let flag = |key: &str| query.get(key).is_some_and(|value| value != "false");
    let listed = |key: &str, value: &str| {
        query.get(key).is_none_or(|list| list.is_empty() || list.split(',').any(|item| item == value))
    };
    let metadata = query.iter().filter_map(|(key, value)| Some((key.strip_prefix(METADATA)?, value)));
    (!machine.state.is_gone() || flag("include_deleted") || query.contains_key("state"))
        && listed("state", machine.state.as_str())
        && listed("region", machine.region.as_str())
        && metadata.into_iter().all(|(key, value)| machine.config.metadata.get(key) == Some(value))
}

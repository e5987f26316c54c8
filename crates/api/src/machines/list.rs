//! Lists of machines, and one of them.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use roost_api_types::Machine;
use roost_host_api::Machine as HostMachine;
use serde_json::Value;

use super::filter::Filter;
use crate::{
    api::Api,
    error::{ApiError, Result},
    http::{AppPath, MachinePath, Params},
};

/// What a summary leaves out.
const LONG: [&str; 6] = ["config", "checks", "events", "host_status", "image_ref", "nonce"];

pub async fn list(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<BTreeMap<String, String>>,
) -> Result<Json<Vec<Value>>> {
    let filter = Filter::read(&query)?;
    let mut machines = Vec::new();
    for host in api.hosts.all() {
        machines.extend(host.machines(Some(&app.name)).await?);
    }
    machines.retain(|machine| filter.takes(machine));
    machines.sort_by(|a, b| a.id.cmp(&b.id));
    let shown = machines.into_iter().map(|machine| shown(machine, &filter));
    Ok(Json(shown.collect::<serde_json::Result<_>>().map_err(|e| ApiError::internal(e.to_string()))?))
}

fn shown(machine: HostMachine, filter: &Filter) -> serde_json::Result<Value> {
    let mut machine = serde_json::to_value(Machine::from(machine))?;
    if let (true, Some(keys)) = (filter.summary, machine.as_object_mut()) {
        keys.retain(|key, _| !LONG.contains(&key.as_str()));
    }
    Ok(machine)
}

pub async fn get(path: MachinePath) -> Json<Machine> {
    Json(path.machine.into())
}

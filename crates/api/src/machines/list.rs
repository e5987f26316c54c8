//! Lists of machines, and one of them.

use std::sync::Arc;

use axum::{Json, extract::State};
use roost_api_types::{ListedMachine, Machine};

use super::filter::{Filter, Query};
use crate::{
    api::Api,
    error::Result,
    http::{AppPath, MachinePath, Params},
};

pub async fn list(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<Query>,
) -> Result<Json<Vec<ListedMachine>>> {
    let filter = Filter::read(&query)?;
    let mut machines = Vec::new();
    for host in api.hosts.all() {
        machines.extend(host.machines(Some(&app.name)).await?);
    }
    machines.retain(|machine| filter.takes(machine));
    machines.sort_by(|a, b| a.id.cmp(&b.id));
    let shown = machines.into_iter().map(|machine| match filter.summary {
        true => ListedMachine::Summary(machine.into()),
        false => ListedMachine::Whole(Box::new(machine.into())),
    });
    Ok(Json(shown.collect()))
}

pub async fn get(path: MachinePath) -> Json<Machine> {
    Json(path.machine.into())
}

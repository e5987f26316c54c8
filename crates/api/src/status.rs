//! The server at a glance.

use std::sync::Arc;

use axum::{Json, extract::State};
use roost_api_types::{HostStatus, ServerStatus};
use roost_host_api::{Capacity, HostInfo};
use roost_records::{HostRecord, key};

use crate::{
    api::Api,
    error::Result,
    openapi::{Routes, call, get},
};

pub fn routes() -> Routes {
    Routes::new().at("/v1/status", get(call("Status_show", "The server and its hosts"), status))
}

pub async fn status(State(api): State<Arc<Api>>) -> Result<Json<ServerStatus>> {
    let answers: Vec<HostInfo> = api.hosts.introductions().await.into_iter().flatten().collect();
    let mut hosts: Vec<HostStatus> = answers.into_iter().map(reachable).collect();
    for known in api.store.list::<HostRecord>(key::HOSTS).await? {
        if hosts.iter().all(|host| host.id != known.record.id) {
            hosts.push(unreachable(known.record));
        }
    }
    let warnings = hosts.iter().filter_map(warning).collect();
    Ok(Json(ServerStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        base_domain: api.config.base_domain.clone(),
        app_url: api.config.app_url.clone(),
        registry: api.config.registry.clone(),
        hosts,
        warnings,
    }))
}

fn reachable(info: HostInfo) -> HostStatus {
    let HostInfo { id, region, driver, driver_reason, total, free, version, .. } = info;
    HostStatus { id, region, reachable: true, driver, driver_reason, total, free, version }
}

fn unreachable(host: HostRecord) -> HostStatus {
    let HostRecord { id, region, driver, version, .. } = host;
    let (total, free) = (Capacity::default(), Capacity::default());
    HostStatus { id, region, reachable: false, driver, driver_reason: String::new(), total, free, version }
}

fn warning(host: &HostStatus) -> Option<String> {
    if !host.reachable {
        return Some(format!("host {} does not answer; its machines can not be changed", host.id));
    }
    // Emulation works everywhere and is many times slower: nobody should find out by measuring.
    let emulated = host.driver.contains("tcg");
    emulated.then(|| {
        format!("host {} emulates its machines ({}); run `roost doctor`", host.id, host.driver_reason)
    })
}

//! The regions that have hosts.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use roost_api_types::{RegionInfo, RegionList};
use roost_host_api::HostInfo;
use roost_model::{Guest, Region};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{fit::machines_that_fit, place_of};
use crate::{
    api::Api,
    error::{ApiError, Result},
    http::Params,
};

#[derive(Deserialize, JsonSchema)]
pub struct RegionsQuery {
    /// Name of the machine size to count; the smallest when absent.
    size: Option<String>,
}

pub async fn regions(
    State(api): State<Arc<Api>>,
    Params(query): Params<RegionsQuery>,
) -> Result<Json<RegionList>> {
    let guest = match query.size.filter(|size| !size.is_empty()) {
        Some(size) => Guest::preset(&size).map_err(|e| ApiError::invalid(format!("size: {e}")))?,
        None => Guest::default(),
    };
    let hosts: Vec<HostInfo> = api.hosts.introductions().await.into_iter().flatten().collect();
    let mut capacities: BTreeMap<&Region, u64> = BTreeMap::new();
    for host in &hosts {
        *capacities.entry(&host.region).or_default() += machines_that_fit(host.free, &guest);
    }
    let regions = capacities.iter().map(|(region, capacity)| shown(region, *capacity)).collect();
    let nearest = hosts.first().map(|host| host.region.to_string()).unwrap_or_default();
    Ok(Json(RegionList { regions, nearest }))
}

fn shown(region: &Region, capacity: u64) -> RegionInfo {
    let place = place_of(region);
    RegionInfo {
        code: region.clone(),
        name: if place.name.is_empty() { region.to_string() } else { place.name.to_owned() },
        latitude: place.latitude,
        longitude: place.longitude,
        gateway_available: true,
        requires_paid_plan: false,
        deprecated: false,
        geo_region: place.continent.to_owned(),
        capacity,
    }
}

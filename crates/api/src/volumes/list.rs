//! Lists of volumes, and one of them.

use std::{collections::HashSet, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use jiff::Timestamp;
use roost_api_types::{ListedVolume, OrgVolume, OrgVolumes, Volume};
use roost_model::{AppName, VolumeState};
use schemars::JsonSchema;
use serde::Deserialize;

use super::path::VolumePath;
use crate::{
    api::Api,
    error::{ApiError, Result},
    http::{AppPath, Params},
};

/// Entries of a page when nobody says otherwise, and at most.
const PAGE: usize = 200;
const MAX_PAGE: usize = 1000;

#[derive(Deserialize, JsonSchema)]
pub struct AppQuery {
    /// Without the figures of their disks.
    #[serde(default)]
    summary: bool,
}

pub async fn of_app(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<AppQuery>,
) -> Result<Json<Vec<ListedVolume>>> {
    let mut volumes = Vec::new();
    for host in api.hosts.all() {
        volumes.extend(host.volumes(Some(&app.name)).await?);
    }
    volumes.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(Json(volumes.into_iter().map(|volume| listed(volume, query.summary)).collect()))
}

fn listed(volume: roost_host_api::Volume, summary: bool) -> ListedVolume {
    if summary { ListedVolume::Summary(volume.into()) } else { ListedVolume::Whole(Box::new(volume.into())) }
}

pub async fn get(path: VolumePath) -> Json<Volume> {
    Json(path.volume.into())
}

#[derive(Deserialize, JsonSchema)]
pub struct OrgQuery {
    /// Without the figures of their disks.
    #[serde(default)]
    summary: bool,
    #[serde(default)]
    include_deleted: bool,
    #[serde(default)]
    region: String,
    #[serde(default)]
    state: String,
    updated_after: Option<Timestamp>,
    #[serde(default)]
    cursor: String,
    limit: Option<usize>,
}

/// The volumes of all apps of an org, by id; the cursor is the last id of the page before.
pub async fn of_org(
    State(api): State<Arc<Api>>,
    Path(org): Path<String>,
    Params(query): Params<OrgQuery>,
) -> Result<Json<OrgVolumes>> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(ApiError::invalid(format!("limit is {limit}: it must be from 1 to {MAX_PAGE}")));
    }
    let org = api.store.org(&org).await?;
    let apps = api.store.apps().await?.into_iter().filter(|app| app.org == org.slug);
    let apps: HashSet<AppName> = apps.map(|app| app.name).collect();
    let mut volumes = Vec::new();
    for host in api.hosts.all() {
        volumes.extend(host.volumes(None).await?);
    }
    volumes.retain(|volume| apps.contains(&volume.app) && query.asks_for(volume));
    volumes.sort_by(|a, b| a.id.cmp(&b.id));
    let more = volumes.len() > limit;
    volumes.truncate(limit);
    let last_volume_id = volumes.last().map(|volume| volume.id.to_string()).unwrap_or_default();
    let last_updated_at = volumes.iter().map(|volume| volume.updated_at).max();
    let page = volumes
        .into_iter()
        .map(|volume| OrgVolume { app_name: volume.app.clone(), volume: listed(volume, query.summary) });
    Ok(Json(OrgVolumes {
        volumes: page.collect(),
        next_cursor: if more { last_volume_id.clone() } else { String::new() },
        last_volume_id,
        last_updated_at,
    }))
}

impl OrgQuery {
    fn asks_for(&self, volume: &roost_host_api::Volume) -> bool {
        let listed = |list: &str, value: &str| list.is_empty() || list.split(',').any(|item| item == value);
        let deleted = volume.state == VolumeState::PendingDestroy;
        volume.id.as_str() > self.cursor.as_str()
            && (!deleted || self.include_deleted || !self.state.is_empty())
            && listed(&self.region, volume.region.as_str())
            && listed(&self.state, volume.state.as_str())
            && self.updated_after.is_none_or(|after| volume.updated_at > after)
    }
}

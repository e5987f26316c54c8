//! The machines of all apps of an org, in pages: those that changed last come last, so that who reads on gets
//! what is new.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use roost_api_types::{OrgMachine, OrgMachineConfig, OrgMachineList};
use roost_host_api::Machine;
use roost_model::{AppName, MachineId};
use roost_records::AppRecord;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::json;

use super::filter::{Filter, Query};
use crate::{
    api::Api,
    auth::{AppRight, Caller, OrgRight},
    error::{ApiError, Result},
    http::Params,
    orgs,
};

/// Machines of a page, unless the caller wants another number.
const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;

/// Where a machine is in the order of the list.
type Place = (Timestamp, MachineId);

/// The query of other lists, and which part of this one.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct OrgQuery(Query);

impl JsonSchema for OrgQuery {
    fn schema_name() -> Cow<'static, str> {
        "OrgMachinesQuery".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Query::json_schema(generator);
        let keys = [
            ("cursor", "string", "Where the page before ended: its `next_cursor`"),
            ("limit", "integer", "Machines of a page, at most 1000; 100 when absent"),
            ("updated_after", "string", "Only what changed after this time"),
        ];
        for (key, kind, description) in keys {
            let pointer = schema.pointer_mut("/properties").expect("the other keys");
            pointer[key] = json!({ "type": kind, "description": description });
        }
        schema
    }
}

pub async fn list(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(slug): Path<String>,
    Params(OrgQuery(query)): Params<OrgQuery>,
) -> Result<Json<OrgMachineList>> {
    let org = orgs::find(&api, &caller, &slug, OrgRight::Read)?;
    let filter = Filter::read(&query)?;
    let (after, since, limit) = (cursor(&query)?, updated_after(&query)?, limit(&query)?);
    let apps: HashMap<AppName, AppRecord> = api
        .store
        .apps()
        .await?
        .into_iter()
        .filter(|app| app.org == org.slug && caller.may_app(AppRight::See, app))
        .map(|app| (app.name.clone(), app))
        .collect();
    let mut machines = Vec::new();
    for host in api.hosts.all() {
        machines.extend(host.machines(None).await?);
    }
    machines.retain(|machine| {
        apps.contains_key(&machine.app)
            && filter.takes(machine)
            && since.is_none_or(|since| machine.updated_at > since)
            && after.as_ref().is_none_or(|after| place(machine) > *after)
    });
    machines.sort_by_key(place);
    let more = machines.len() > limit;
    machines.truncate(limit);
    let last = machines.last().map(place);
    Ok(Json(OrgMachineList {
        machines: machines.iter().map(|machine| shown(machine, filter.summary)).collect(),
        next_cursor: last.as_ref().filter(|_| more).map(written).unwrap_or_default(),
        last_machine_id: last.as_ref().map(|(_, id)| id.to_string()).unwrap_or_default(),
        last_updated_at: last.map(|(at, _)| at),
        error_regions: Vec::new(),
    }))
}

fn place(machine: &Machine) -> Place {
    (machine.updated_at, machine.id.clone())
}

fn shown(machine: &Machine, summary: bool) -> OrgMachine {
    OrgMachine {
        id: machine.id.clone(),
        name: machine.name.clone(),
        app_name: machine.app.clone(),
        state: machine.state,
        region: machine.region.clone(),
        instance_id: machine.instance_id,
        version: machine.instance_id,
        private_ip: machine.private_ip,
        config: (!summary).then(|| OrgMachineConfig {
            image: machine.config.image.clone(),
            guest: machine.config.guest().ok(),
            metadata: machine.config.metadata.clone(),
        }),
        created_at: machine.created_at,
        updated_at: machine.updated_at,
    }
}

fn written((at, id): &Place) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{at} {id}"))
}

fn cursor(query: &Query) -> Result<Option<Place>> {
    let Some(text) = query.get("cursor") else { return Ok(None) };
    let read = || {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (at, id) = text.split_once(' ')?;
        Some((at.parse().ok()?, id.parse().ok()?))
    };
    match read() {
        Some(place) => Ok(Some(place)),
        None => Err(ApiError::invalid("cursor: is none of this call's; leave it out for the first page")),
    }
}

fn updated_after(query: &Query) -> Result<Option<Timestamp>> {
    let read = query.get("updated_after").map(|text| text.parse());
    read.transpose()
        .map_err(|e| ApiError::invalid(format!("updated_after: give a time as in RFC 3339 ({e})")))
}

fn limit(query: &Query) -> Result<usize> {
    match query.get("limit").map(|text| text.parse::<usize>()) {
        None | Some(Ok(0)) => Ok(PAGE),
        Some(Ok(limit)) => Ok(limit.min(MAX_PAGE)),
        Some(Err(_)) => Err(ApiError::invalid("limit: give a number")),
    }
}

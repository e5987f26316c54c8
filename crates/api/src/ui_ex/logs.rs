//! Log lines, page by page, for clients that poll. Following as lines come is `/v1/apps/{app}/logs`.
//!
//! A page's token names the last line seen, by the cursor that its host gave it: so it outlives this
//! process, and a page that begins after it misses nothing that the host still keeps.

use std::{future::ready, sync::Arc};

use axum::{Json, extract::State};
use futures::StreamExt;
use jiff::Timestamp;
use roost_host_api::{LogLine, LogQuery};
use roost_model::MachineId;
use serde::{Deserialize, Serialize};

use crate::{
    api::Api,
    error::{ApiError, Result},
    http::{AppPath, Params},
};

/// Lines of a first page.
const TAIL: u32 = 100;

/// Lines of a later page: a client that has fallen behind catches up in a few.
const MAX_LINES: usize = 1000;

/// Before the cursor in a token, so that nobody takes it for a number to count with.
const TOKEN_PREFIX: &str = "after-";

#[derive(Deserialize)]
pub struct LogsQuery {
    #[serde(default)]
    next_token: String,
    #[serde(default)]
    instance: String,
    #[serde(default)]
    region: String,
}

#[derive(Serialize)]
pub struct LogPage {
    data: Vec<Entry>,
    meta: PageMeta,
}

#[derive(Serialize)]
pub struct PageMeta {
    next_token: String,
}

#[derive(Serialize)]
pub struct Entry {
    id: String,
    attributes: Attributes,
}

#[derive(Serialize)]
pub struct Attributes {
    timestamp: Timestamp,
    message: String,
    level: &'static str,
    instance: String,
    region: String,
    meta: LineMeta,
}

#[derive(Serialize)]
pub struct LineMeta {
    instance: String,
    region: String,
    event: Event,
}

#[derive(Serialize)]
pub struct Event {
    provider: &'static str,
}

pub async fn page(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<LogsQuery>,
) -> Result<Json<LogPage>> {
    let after = cursor(&query.next_token)?;
    let asked = LogQuery {
        app: app.name.to_string(),
        machine: machine(&query.instance)?,
        after,
        tail: after.is_none().then_some(TAIL),
        follow: false,
    };
    let lines = api.hosts.host().logs(&asked).await?;
    let of_region = |line: &LogLine| query.region.is_empty() || line.region.as_str() == query.region;
    // A page that breaks off ends early: the next one goes on where it ended.
    let lines = lines.take_while(|line| ready(line.is_ok())).filter_map(|line| ready(line.ok()));
    let lines = lines.filter(|line| ready(of_region(line)));
    let data: Vec<(u64, Entry)> =
        lines.take(MAX_LINES).map(|line| (line.cursor, entry(line))).collect().await;
    let next_token = data.last().map(|(cursor, _)| format!("{TOKEN_PREFIX}{cursor}"));
    Ok(Json(LogPage {
        meta: PageMeta { next_token: next_token.unwrap_or(query.next_token) },
        data: data.into_iter().map(|(_, entry)| entry).collect(),
    }))
}

fn cursor(token: &str) -> Result<Option<u64>> {
    if token.is_empty() {
        return Ok(None);
    }
    let cursor = token.strip_prefix(TOKEN_PREFIX).and_then(|cursor| cursor.parse().ok());
    cursor.map(Some).ok_or_else(|| {
        ApiError::invalid(format!(
            "\"{token}\" is no next_token of this platform; leave it out to begin anew"
        ))
    })
}

fn machine(instance: &str) -> Result<Option<MachineId>> {
    if instance.is_empty() {
        return Ok(None);
    }
    let id = instance.parse::<MachineId>();
    id.map(Some).map_err(|e| ApiError::invalid(format!("`instance` names no machine: {e}")))
}

fn entry(line: LogLine) -> Entry {
    let LogLine { cursor, timestamp, machine, region, stream, message, .. } = line;
    let (instance, region) = (machine.to_string(), region.to_string());
    let provider = if stream == "system" { "runner" } else { "app" };
    let meta = LineMeta { instance: instance.clone(), region: region.clone(), event: Event { provider } };
    let attributes = Attributes { timestamp, message, level: "info", instance, region, meta };
    Entry { id: cursor.to_string(), attributes }
}

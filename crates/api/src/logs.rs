//! An app's log lines: kept ones and, if asked for, new ones as they come.

use std::{future::ready, sync::Arc};

use axum::{extract::State, response::Response};
use futures::StreamExt;
use roost_host_api::LogQuery;
use roost_model::MachineId;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    api::Api,
    error::Result,
    http::{AppPath, JSON_LINES, Params, json_lines},
    openapi::{Routes, call, get},
};

pub fn routes() -> Routes {
    let logs = call("Logs_follow", "What an app's machines write, a JSON line each").media(JSON_LINES);
    Routes::new().at("/v1/apps/{app_name}/logs", get(logs, self::logs))
}

#[derive(Deserialize, JsonSchema)]
pub struct LogsQuery {
    tail: Option<u32>,
    #[serde(default)]
    follow: bool,
    machine: Option<MachineId>,
    /// Only lines after this cursor.
    after: Option<u64>,
}

pub async fn logs(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Params(query): Params<LogsQuery>,
) -> Result<Response> {
    let LogsQuery { tail, follow, machine, after } = query;
    let query = LogQuery { app: app.name.to_string(), machine, after, tail, follow };
    let lines = api.hosts.host().logs(&query).await?;
    // When the host goes away the stream just ends; the reader asks again after its last cursor.
    let lines = lines.scan((), |(), line| {
        ready(line.inspect_err(|error| tracing::warn!(%error, "a log stream broke")).ok())
    });
    Ok(json_lines(lines, api.shutdown.clone()))
}

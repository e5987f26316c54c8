//! An app's log lines: kept ones and, if asked for, new ones as they come.

use std::{future::ready, sync::Arc};

use axum::{Router, extract::State, response::Response, routing::get};
use futures::StreamExt;
use roost_host_api::LogQuery;
use roost_model::MachineId;
use serde::Deserialize;

use crate::{
    api::Api,
    error::Result,
    http::{AppPath, Params, json_lines},
};

pub fn routes() -> Router<Arc<Api>> {
    Router::new().route("/v1/apps/{app}/logs", get(logs))
}

#[derive(Deserialize)]
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

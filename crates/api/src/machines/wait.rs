//! Waiting for a state.

use std::{borrow::Cow, time::Duration};

use axum::Json;
use roost_api_types::{ErrorCode, Waited};
use roost_host_api::{HostError, Wait, states};
use roost_model::{GoDuration, MachineState};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::{
    error::{ApiError, Result},
    http::{MachinePath, Params},
};

/// Longest wait of one call; clients ask again.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The query: `state` may be there several times.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct WaitQuery(Vec<(String, String)>);

impl JsonSchema for WaitQuery {
    fn schema_name() -> Cow<'static, str> {
        "WaitQuery".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "properties": {
            "state": { "type": "string", "description":
                "Any of these states, separated by commas; `settled` stands for all that stay; `started` when absent" },
            "version": { "type": "string", "description": "Only of this version" },
            "instance_id": { "type": "string", "description": "The same under its older name" },
            "from_event_id": { "type": "string", "description": "Only what was reached after this event" },
            "timeout": { "type": ["integer", "string"], "description":
                "Seconds, or a duration such as `30s`; at most, and when absent, 60 s" },
        } })
    }
}

pub async fn wait(path: MachinePath, Params(query): Params<WaitQuery>) -> Result<Json<Waited>> {
    let wait = read(&query.0)?;
    match path.host.wait_for(&path.machine.id, &wait).await {
        Ok(machine) => {
            let reached = wait.met_by(&machine);
            Ok(Json(Waited {
                ok: true,
                state: reached.map_or(machine.state, |reached| reached.state),
                version: machine.instance_id,
                event_id: reached.and_then(|reached| reached.event),
            }))
        }
        Err(error) => Err(explain(&path, &wait, error).await),
    }
}

async fn explain(path: &MachinePath, wait: &Wait, error: HostError) -> ApiError {
    let id = &path.machine.id;
    let error = ApiError::from(error);
    match error.code {
        ErrorCode::Timeout => {
            let states: Vec<_> = wait.states.iter().map(|s| s.as_str()).collect();
            let message = format!("machine failed to reach desired state ({}) in time", states.join(", "));
            ApiError { message, ..error }
        }
        // Clients take a machine that came to its end before they asked for one that is not found.
        _ if path.host.machine(id).await.is_ok_and(|m| m.state == MachineState::Destroyed) => {
            let message = format!("machine not found: machine {id} is destroyed");
            ApiError::new(ErrorCode::MachineNotFound, message)
        }
        _ => error,
    }
}

fn read(query: &[(String, String)]) -> Result<Wait> {
    let mut wait = Wait::until([], MAX_WAIT);
    let invalid = |key: &str, error: &dyn std::fmt::Display| ApiError::invalid(format!("{key}: {error}"));
    for (key, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        match key.as_str() {
            "state" => wait.states.extend(states(value).map_err(|e| invalid(key, &e))?),
            "instance_id" | "version" => {
                wait.instance = Some(value.parse().map_err(|e| invalid(key, &e))?);
            }
            "from_event_id" => wait.from_event = Some(value.parse().map_err(|e| invalid(key, &e))?),
            "timeout" => wait.timeout = timeout(value)?,
            _ => {}
        }
    }
    if wait.states.is_empty() {
        wait.states.push(MachineState::Started);
    }
    Ok(wait)
}

/// Seconds, or a duration such as `30s`.
fn timeout(text: &str) -> Result<Duration> {
    let timeout = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => text.parse::<GoDuration>().map_err(|e| ApiError::invalid(format!("timeout: {e}")))?.0,
    };
    Ok(timeout.min(MAX_WAIT))
}

//! Waiting for a state.

use std::time::Duration;

use axum::Json;
use futures::{StreamExt, stream::FuturesUnordered};
use roost_api_types::{ErrorCode, Waited};
use roost_model::{GoDuration, InstanceId, MachineState};

use crate::{
    error::{ApiError, Result},
    http::{MachinePath, Params},
};

/// Longest wait of one call; clients ask again.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// A state that stays until somebody does something.
const SETTLED: &str = "settled";

pub async fn wait(path: MachinePath, Params(query): Params<Vec<(String, String)>>) -> Result<Json<Waited>> {
    let asked = Asked::read(&query)?;
    let (host, id) = (&path.host, &path.machine.id);
    let mut waits: FuturesUnordered<_> =
        asked.states.iter().map(|state| host.wait(id, *state, asked.instance, asked.timeout)).collect();
    let mut failed = None;
    while let Some(result) = waits.next().await {
        match result {
            Ok(machine) => {
                return Ok(Json(Waited { ok: true, state: machine.state, version: machine.instance_id }));
            }
            Err(error) => failed = Some(ApiError::from(error)),
        }
    }
    // Clients take a machine that came to its end before they asked for one that is not found.
    if path.host.machine(id).await.is_ok_and(|machine| machine.state == MachineState::Destroyed) {
        return Err(ApiError::new(
            ErrorCode::MachineNotFound,
            format!("machine not found: machine {id} is destroyed"),
        ));
    }
    Err(failed.map(|e| explain(e, &asked)).unwrap_or_else(|| ApiError::invalid("no state to wait for")))
}

fn explain(error: ApiError, asked: &Asked) -> ApiError {
    if error.code != ErrorCode::Timeout {
        return error;
    }
    let states: Vec<_> = asked.states.iter().map(|s| s.as_str()).collect();
    ApiError {
        message: format!("machine failed to reach desired state ({}) in time", states.join(", ")),
        ..error
    }
}

struct Asked {
    states: Vec<MachineState>,
    instance: Option<InstanceId>,
    timeout: Duration,
}

impl Asked {
    fn read(query: &[(String, String)]) -> Result<Self> {
        let mut asked = Self { states: Vec::new(), instance: None, timeout: MAX_WAIT };
        for (key, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
            match key.as_str() {
                "state" => asked.add_states(value)?,
                "instance_id" | "version" => {
                    asked.instance =
                        Some(value.parse().map_err(|e| ApiError::invalid(format!("{key}: {e}")))?);
                }
                "timeout" => asked.timeout = timeout(value)?,
                _ => {}
            }
        }
        if asked.states.is_empty() {
            asked.states.push(MachineState::Started);
        }
        Ok(asked)
    }

    fn add_states(&mut self, names: &str) -> Result<()> {
        for name in names.split(',') {
            if name == SETTLED {
                self.states.extend(MachineState::ALL.into_iter().filter(|state| !state.is_transient()));
            } else {
                self.states.push(name.parse().map_err(|e| ApiError::invalid(format!("{e}")))?);
            }
        }
        Ok(())
    }
}

/// Seconds, or a duration such as `30s`.
fn timeout(text: &str) -> Result<Duration> {
    let timeout = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => text.parse::<GoDuration>().map_err(|e| ApiError::invalid(format!("timeout: {e}")))?.0,
    };
    Ok(timeout.min(MAX_WAIT))
}

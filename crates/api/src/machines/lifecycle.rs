//! Start, stop, suspend, restart, signal, cordon, destroy.

use axum::Json;
use roost_api_types::{Done, Signal, SignalMachine, Started, StopMachine};
use roost_host_api::{DestroyMachine, SignalMachine as HostSignal, StopMachine as HostStop};
use roost_model::GoDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    error::Result,
    http::{Body, MachinePath, Params},
};

pub async fn start(path: MachinePath) -> Result<Json<Started>> {
    let previous_state = path.machine.state;
    path.host.start(&path.machine.id, &path.cause()).await?;
    Ok(Json(Started { message: "machine started".to_owned(), status: "success".to_owned(), previous_state }))
}

pub async fn stop(path: MachinePath, Body(body): Body<StopMachine>) -> Result<Json<Done>> {
    let signal = body.signal.filter(|signal| !signal.is_empty());
    let stop = HostStop { cause: path.cause(), signal, timeout: nonzero(body.timeout) };
    path.host.stop(&path.machine.id, &stop).await?;
    Ok(Json(Done::OK))
}

pub async fn suspend(path: MachinePath) -> Result<Json<Done>> {
    path.host.suspend(&path.machine.id, &path.cause()).await?;
    Ok(Json(Done::OK))
}

#[derive(Deserialize, JsonSchema)]
pub struct RestartQuery {
    timeout: Option<GoDuration>,
    signal: Option<String>,
    /// Kill at once.
    #[serde(default)]
    force_stop: bool,
}

pub async fn restart(path: MachinePath, Params(query): Params<RestartQuery>) -> Result<Json<Done>> {
    let timeout = if query.force_stop { Some(GoDuration::default()) } else { nonzero(query.timeout) };
    let signal = query.signal.filter(|signal| !signal.is_empty());
    path.host.restart(&path.machine.id, &HostStop { cause: path.cause(), signal, timeout }).await?;
    Ok(Json(Done::OK))
}

pub async fn signal(path: MachinePath, Body(body): Body<SignalMachine>) -> Result<Json<Done>> {
    let signal = match body.signal {
        Signal::Number(number) => number.to_string(),
        Signal::Name(name) => name,
    };
    path.host.signal(&path.machine.id, &HostSignal { cause: path.cause(), signal }).await?;
    Ok(Json(Done::OK))
}

pub async fn cordon(path: MachinePath) -> Result<Json<Done>> {
    path.host.cordon(&path.machine.id, &path.cause()).await?;
    Ok(Json(Done::OK))
}

pub async fn uncordon(path: MachinePath) -> Result<Json<Done>> {
    path.host.uncordon(&path.machine.id, &path.cause()).await?;
    Ok(Json(Done::OK))
}

#[derive(Deserialize, JsonSchema)]
pub struct DestroyQuery {
    /// Also when it runs.
    #[serde(default)]
    force: bool,
    /// The same, under the name that some clients send.
    #[serde(default)]
    kill: bool,
}

pub async fn destroy(path: MachinePath, Params(query): Params<DestroyQuery>) -> Result<Json<Done>> {
    let force = query.force || query.kill;
    let request = DestroyMachine { force, source: "user".to_owned(), lease_nonce: path.nonce.clone() };
    path.host.destroy(&path.machine.id, &request).await?;
    Ok(Json(Done::OK))
}

/// Clients write `0s` for a time that they do not set.
fn nonzero(timeout: Option<GoDuration>) -> Option<GoDuration> {
    timeout.filter(|timeout| !timeout.0.is_zero())
}

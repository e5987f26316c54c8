//! A machine's memory: how large it is, and how much of it is left.
//!
//! It is as large as the machine's size says, for as long as it runs: nothing is taken from a guest that runs, and so
//! the calls that would do it are refused.

use axum::Json;
use roost_api_types::{MachineMemory, ReclaimMemory, SetMemoryLimit};

use crate::{
    error::{ApiError, Result},
    http::{Body, MachinePath},
};

pub async fn show(path: MachinePath) -> Result<Json<MachineMemory>> {
    let limit_mb = path.machine.config.guest()?.memory_mb;
    let available = path.host.memory(&path.machine.id).await?.available_bytes;
    Ok(Json(MachineMemory { limit_mb, available_mb: (available >> 20) as u32 }))
}

pub async fn set_limit(path: MachinePath, Body(_): Body<SetMemoryLimit>) -> ApiError {
    let size = path.machine.config.guest.as_ref().map_or(0, |guest| guest.memory_mb);
    ApiError::unsupported(format!(
        "limit_mb: the memory of a machine that runs stays as it is ({size} MB); update its config.guest.memory_mb"
    ))
}

pub async fn reclaim(_: MachinePath, Body(_): Body<ReclaimMemory>) -> ApiError {
    ApiError::unsupported(
        "amount_mb: no memory is taken from a machine that runs; give it less with config.guest.memory_mb",
    )
}

//! Metadata: changes make no new version and restart nothing.

use std::collections::BTreeMap;

use axum::{Json, extract::Path, http::StatusCode};
use jiff::Timestamp;
use roost_api_types::{ErrorCode, MetadataValue, UpdateMetadata};
use roost_host_api::{ErrorCode as HostCode, SetMetadata};
use roost_model::machine::{LONGEST_BUSY, busy_until, metadata::BUSY_UNTIL};

use crate::{
    error::{ApiError, Result},
    http::{Body, MachinePath},
};

type KeyPath = Path<(String, String, String)>;

pub async fn metadata(path: MachinePath) -> Json<BTreeMap<String, String>> {
    Json(path.machine.config.metadata)
}

pub async fn metadata_value(
    path: MachinePath,
    Path((_app, machine, key)): KeyPath,
) -> Result<Json<MetadataValue>> {
    match path.machine.config.metadata.get(&key) {
        Some(value) => Ok(Json(MetadataValue { value: value.clone() })),
        None => Err(ApiError::new(
            ErrorCode::NotFound,
            format!("metadata not found: machine {machine} has no key \"{key}\""),
        )),
    }
}

/// Sets several keys at once; one that is null or empty is removed.
pub async fn update_metadata(path: MachinePath, Body(body): Body<UpdateMetadata>) -> Result<StatusCode> {
    let emptied = |value: Option<String>| value.filter(|value| !value.is_empty());
    let metadata = body.metadata.into_iter().map(|(key, value)| (key, emptied(value))).collect();
    let machine_version = match body.machine_version.filter(|version| !version.is_empty()) {
        Some(version) => {
            Some(version.parse().map_err(|e| ApiError::invalid(format!("machine_version: {e}")))?)
        }
        None => None,
    };
    change(&path, SetMetadata { cause: path.cause(), metadata, machine_version }).await
}

pub async fn set_metadata(
    path: MachinePath,
    Path((_app, _machine, key)): KeyPath,
    Body(body): Body<MetadataValue>,
) -> Result<StatusCode> {
    change_one(&path, key, Some(body.value)).await
}

pub async fn remove_metadata(path: MachinePath, Path((_app, _machine, key)): KeyPath) -> Result<StatusCode> {
    change_one(&path, key, None).await
}

async fn change_one(path: &MachinePath, key: String, value: Option<String>) -> Result<StatusCode> {
    let metadata = BTreeMap::from([(key, value)]);
    change(path, SetMetadata { cause: path.cause(), metadata, machine_version: None }).await
}

async fn change(path: &MachinePath, change: SetMetadata) -> Result<StatusCode> {
    if change.metadata.contains_key("") {
        return Err(ApiError::invalid("a metadata key has at least one character"));
    }
    if let Some(Some(value)) = change.metadata.get(BUSY_UNTIL) {
        check_busy(value)?;
    }
    match path.host.set_metadata(&path.machine.id, &change).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) if error.code() == Some(HostCode::VersionMismatch) => {
            Err(ApiError::new(ErrorCode::PreconditionFailed, error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// A machine that says for how long it is busy must be understood: else it would be stopped in its work.
fn check_busy(value: &str) -> Result<()> {
    let longest = LONGEST_BUSY.as_secs();
    match busy_until(value) {
        Some(until) if until <= Timestamp::now() + LONGEST_BUSY => Ok(()),
        Some(_) => Err(ApiError::invalid(format!(
            "{BUSY_UNTIL} is more than {longest} s ahead; say it again in time"
        ))),
        None => Err(ApiError::invalid(format!(
            "{BUSY_UNTIL} is a time such as 2026-01-31T12:00:00Z, or seconds since 1970"
        ))),
    }
}

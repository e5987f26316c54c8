//! Metadata: changes make no new version and restart nothing.

use std::collections::BTreeMap;

use axum::{Json, extract::Path, http::StatusCode};
use roost_api_types::{ErrorCode, MetadataValue, UpdateMetadata};
use roost_host_api::{ErrorCode as HostCode, SetMetadata};

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
    match path.host.set_metadata(&path.machine.id, &change).await {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(error) if error.code() == Some(HostCode::VersionMismatch) => {
            Err(ApiError::new(ErrorCode::PreconditionFailed, error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

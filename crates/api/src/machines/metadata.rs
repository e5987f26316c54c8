//! Metadata: changes make no new version and restart nothing.

use std::collections::BTreeMap;

use axum::{Json, extract::Path, http::StatusCode};
use roost_api_types::MetadataValue;
use roost_host_api::SetMetadata;

use crate::{
    error::{ApiError, Result},
    http::{Body, MachinePath},
};

type KeyPath = Path<(String, String, String)>;

pub async fn metadata(path: MachinePath) -> Json<BTreeMap<String, String>> {
    Json(path.machine.config.metadata)
}

pub async fn set_metadata(
    path: MachinePath,
    Path((_app, _machine, key)): KeyPath,
    Body(body): Body<MetadataValue>,
) -> Result<StatusCode> {
    change(&path, key, Some(body.value)).await
}

pub async fn remove_metadata(path: MachinePath, Path((_app, _machine, key)): KeyPath) -> Result<StatusCode> {
    change(&path, key, None).await
}

async fn change(path: &MachinePath, key: String, value: Option<String>) -> Result<StatusCode> {
    if key.is_empty() {
        return Err(ApiError::invalid("a metadata key has at least one character"));
    }
    let change = SetMetadata { cause: path.cause(), metadata: BTreeMap::from([(key, value)]) };
    path.host.set_metadata(&path.machine.id, &change).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! The volume that a path names.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use roost_api_types::ErrorCode;
use roost_host_api::{HostClient, Volume};
use roost_model::{AppName, VolumeId};

use crate::{
    api::Api,
    error::{ApiError, Result},
    http::{AppPath, param},
    openapi::{Input, Schemas, Signature},
};

/// A volume of the app, and its host.
pub struct VolumePath {
    pub volume: Volume,
    pub host: HostClient,
}

/// The id of a volume of the app, which may be gone while its snapshots are there.
pub struct VolumeIdPath {
    pub app: AppName,
    pub id: VolumeId,
    pub host: HostClient,
}

impl FromRequestParts<Arc<Api>> for VolumeIdPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self> {
        let AppPath(app) = AppPath::from_request_parts(parts, api).await?;
        let id = param(parts, api, "volume_id").await?;
        let id = id.parse().map_err(|_| no_volume(&app.name, &id))?;
        Ok(Self { app: app.name, id, host: api.hosts.host().clone() })
    }
}

impl Input for VolumePath {
    fn describe(_: &mut Signature, _: &mut Schemas) {}
}

impl Input for VolumeIdPath {
    fn describe(_: &mut Signature, _: &mut Schemas) {}
}

impl FromRequestParts<Arc<Api>> for VolumePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self> {
        let VolumeIdPath { app, id, host } = VolumeIdPath::from_request_parts(parts, api).await?;
        let volume = host.volume(&id).await.map_err(ApiError::from).map_err(|e| match e.code {
            ErrorCode::VolumeNotFound => no_volume(&app, id.as_str()),
            _ => e,
        })?;
        if volume.app != app {
            return Err(no_volume(&app, id.as_str()));
        }
        Ok(Self { volume, host })
    }
}

pub fn no_volume(app: &AppName, id: &str) -> ApiError {
    let message = format!(
        "volume not found: app \"{app}\" has no volume {id}; `roost volumes list -a {app}` shows those it has"
    );
    ApiError::new(ErrorCode::VolumeNotFound, message)
}

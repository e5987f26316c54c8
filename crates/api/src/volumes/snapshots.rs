//! Snapshots of a volume.

use axum::Json;
use roost_api_types::{ErrorCode, VolumeSnapshot};

use super::path::{VolumeIdPath, VolumePath, no_volume};
use crate::error::{ApiError, Result};

/// Newest first; also those of a volume that is gone.
pub async fn list(path: VolumeIdPath) -> Result<Json<Vec<VolumeSnapshot>>> {
    let gone = || no_volume(&path.app, path.id.as_str());
    let snapshots = path.host.snapshots(&path.id).await.map_err(ApiError::from);
    let snapshots = snapshots.map_err(|e| if e.code == ErrorCode::VolumeNotFound { gone() } else { e })?;
    match snapshots.first() {
        Some(snapshot) if snapshot.app != path.app => return Err(gone()),
        None if path.host.volume(&path.id).await?.app != path.app => return Err(gone()),
        _ => {}
    }
    Ok(Json(snapshots.into_iter().map(VolumeSnapshot::from).collect()))
}

pub async fn create(path: VolumePath) -> Result<Json<VolumeSnapshot>> {
    Ok(Json(path.host.snapshot_volume(&path.volume.id).await?.into()))
}

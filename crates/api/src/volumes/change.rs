//! Creating volumes, changing them, destroying them.

use std::sync::Arc;

use axum::{Json, extract::State};
use roost_api_types::{CreateVolume, ErrorCode, ExtendVolume, ExtendedVolume, UpdateVolume, Volume};
use roost_host_api::{
    CreateVolume as HostCreate, DestroyVolume, ExtendVolume as HostExtend, VolumeKeep, VolumeSource,
};
use roost_model::{VolumeId, VolumeName};

use super::path::VolumePath;
use crate::{
    api::Api,
    error::{ApiError, Result},
    http::{AppPath, Body},
};

pub async fn create(
    State(api): State<Arc<Api>>,
    AppPath(app): AppPath,
    Body(input): Body<CreateVolume>,
) -> Result<Json<Volume>> {
    if app.deleting {
        return Err(ApiError::new(ErrorCode::WrongState, format!("app \"{}\" is being deleted", app.name)));
    }
    let name: VolumeName = input.name.parse().map_err(|e| ApiError::invalid(format!("name: {e}")))?;
    if let Some(fstype) = input.fstype.as_deref().filter(|fstype| !matches!(*fstype, "" | "ext4")) {
        let text = format!("fstype is \"{fstype}\": volumes have an ext4 file system; leave it out");
        return Err(ApiError::invalid(text));
    }
    let from = source(&input)?;
    let (host, _) = api.hosts.place(input.region.as_deref()).await?;
    let request = HostCreate {
        id: VolumeId::generate(),
        app: app.name,
        name,
        size_gb: input.size_gb.filter(|size| *size != 0),
        from,
        keep: VolumeKeep {
            snapshot_retention_days: input.snapshot_retention,
            scheduled_snapshots: input.auto_backup_enabled,
        },
    };
    Ok(Json(host.create_volume(&request).await?.into()))
}

fn source(input: &CreateVolume) -> Result<VolumeSource> {
    let given = |id: &Option<String>| id.clone().filter(|id| !id.is_empty());
    match (given(&input.snapshot_id), given(&input.source_volume_id)) {
        (None, None) => Ok(VolumeSource::Empty),
        (Some(id), None) => {
            let gone = |_| ApiError::new(ErrorCode::SnapshotNotFound, format!("there is no snapshot {id}"));
            Ok(VolumeSource::Snapshot(id.parse().map_err(gone)?))
        }
        (None, Some(id)) => {
            let gone = |_| ApiError::new(ErrorCode::VolumeNotFound, format!("there is no volume {id}"));
            Ok(VolumeSource::Volume(id.parse().map_err(gone)?))
        }
        (Some(_), Some(_)) => {
            Err(ApiError::invalid("snapshot_id and source_volume_id exclude each other: give one of them"))
        }
    }
}

pub async fn update(path: VolumePath, Body(input): Body<UpdateVolume>) -> Result<Json<Volume>> {
    let keep = VolumeKeep {
        snapshot_retention_days: input.snapshot_retention,
        scheduled_snapshots: input.auto_backup_enabled,
    };
    Ok(Json(path.host.update_volume(&path.volume.id, &keep).await?.into()))
}

pub async fn extend(path: VolumePath, Body(input): Body<ExtendVolume>) -> Result<Json<ExtendedVolume>> {
    let extend = HostExtend { size_gb: input.size_gb };
    let extended = path.host.extend_volume(&path.volume.id, &extend).await?;
    Ok(Json(ExtendedVolume { volume: extended.volume.into(), needs_restart: extended.needs_restart }))
}

pub async fn destroy(path: VolumePath) -> Result<Json<Volume>> {
    Ok(Json(path.host.destroy_volume(&path.volume.id, &DestroyVolume::default()).await?.into()))
}

pub async fn undestroy(path: VolumePath) -> Result<Json<Volume>> {
    Ok(Json(path.host.undestroy_volume(&path.volume.id).await?.into()))
}

//! Calls about volumes and their snapshots.

use http::Method;
use roost_model::{AppName, VolumeId};

use super::{HostClient, HostError, connection::NO_BODY, query};
use crate::{CreateVolume, DestroyVolume, ExtendVolume, ExtendedVolume, Snapshot, Volume, VolumeKeep};

impl HostClient {
    /// Makes a volume. Repeatable: the same id gives the volume that is already there.
    pub async fn create_volume(&self, request: &CreateVolume) -> Result<Volume, HostError> {
        self.call(Method::POST, "/v1/volumes", Some(request)).await
    }

    /// The volumes of one app, or all, destroyed ones included while their disks are kept.
    pub async fn volumes(&self, app: Option<&AppName>) -> Result<Vec<Volume>, HostError> {
        match app {
            Some(app) => self.get(&format!("/v1/volumes?app={app}")).await,
            None => self.get("/v1/volumes").await,
        }
    }

    pub async fn volume(&self, id: &VolumeId) -> Result<Volume, HostError> {
        self.get(&format!("/v1/volumes/{id}")).await
    }

    pub async fn update_volume(&self, id: &VolumeId, keep: &VolumeKeep) -> Result<Volume, HostError> {
        self.call(Method::PUT, &format!("/v1/volumes/{id}"), Some(keep)).await
    }

    pub async fn extend_volume(
        &self,
        id: &VolumeId,
        extend: &ExtendVolume,
    ) -> Result<ExtendedVolume, HostError> {
        self.call(Method::POST, &format!("/v1/volumes/{id}/extend"), Some(extend)).await
    }

    pub async fn destroy_volume(&self, id: &VolumeId, destroy: &DestroyVolume) -> Result<Volume, HostError> {
        self.call(Method::DELETE, &format!("/v1/volumes/{id}?{}", query(destroy)?), NO_BODY).await
    }

    /// Removes everything of an app at once: volumes, and snapshots also of those that are gone.
    pub async fn forget_volumes(&self, app: &AppName) -> Result<(), HostError> {
        self.call(Method::DELETE, &format!("/v1/volumes?app={app}"), NO_BODY).await
    }

    /// Takes the destruction back, while the disk is kept.
    pub async fn undestroy_volume(&self, id: &VolumeId) -> Result<Volume, HostError> {
        self.call(Method::POST, &format!("/v1/volumes/{id}/undestroy"), NO_BODY).await
    }

    /// Newest first; also those of a volume that is gone.
    pub async fn snapshots(&self, id: &VolumeId) -> Result<Vec<Snapshot>, HostError> {
        self.get(&format!("/v1/volumes/{id}/snapshots")).await
    }

    /// Returns when the wish is recorded; the snapshot is taken after that.
    pub async fn snapshot_volume(&self, id: &VolumeId) -> Result<Snapshot, HostError> {
        self.call(Method::POST, &format!("/v1/volumes/{id}/snapshots"), NO_BODY).await
    }
}

//! Calls about volumes and their snapshots.

use reqwest::Method;
use roost_api_types::{CreateVolume, ExtendVolume, ExtendedVolume, UpdateVolume, Volume, VolumeSnapshot};
use roost_model::{AppName, VolumeId};

use crate::{ApiClient, ClientError, transport::NO_BODY};

impl ApiClient {
    /// Destroyed ones included while their disks are kept.
    pub async fn volumes(&self, app: &AppName) -> Result<Vec<Volume>, ClientError> {
        self.get(&format!("/v1/apps/{app}/volumes")).await
    }

    pub async fn volume(&self, app: &AppName, id: &VolumeId) -> Result<Volume, ClientError> {
        self.get(&format!("/v1/apps/{app}/volumes/{id}")).await
    }

    pub async fn create_volume(&self, app: &AppName, create: &CreateVolume) -> Result<Volume, ClientError> {
        self.post(&format!("/v1/apps/{app}/volumes"), create).await
    }

    pub async fn update_volume(
        &self,
        app: &AppName,
        id: &VolumeId,
        update: &UpdateVolume,
    ) -> Result<Volume, ClientError> {
        self.call(Method::PUT, &format!("/v1/apps/{app}/volumes/{id}"), Some(update)).await
    }

    pub async fn extend_volume(
        &self,
        app: &AppName,
        id: &VolumeId,
        size_gb: u32,
    ) -> Result<ExtendedVolume, ClientError> {
        let path = format!("/v1/apps/{app}/volumes/{id}/extend");
        self.call(Method::PUT, &path, Some(&ExtendVolume { size_gb })).await
    }

    /// Its disk is kept for a while.
    pub async fn destroy_volume(&self, app: &AppName, id: &VolumeId) -> Result<Volume, ClientError> {
        self.call(Method::DELETE, &format!("/v1/apps/{app}/volumes/{id}"), NO_BODY).await
    }

    /// Takes a destruction back.
    pub async fn undestroy_volume(&self, app: &AppName, id: &VolumeId) -> Result<Volume, ClientError> {
        self.call(Method::POST, &format!("/v1/apps/{app}/volumes/{id}/undestroy"), NO_BODY).await
    }

    /// Newest first.
    pub async fn volume_snapshots(
        &self,
        app: &AppName,
        id: &VolumeId,
    ) -> Result<Vec<VolumeSnapshot>, ClientError> {
        self.get(&format!("/v1/apps/{app}/volumes/{id}/snapshots")).await
    }

    /// Returns when the wish is recorded.
    pub async fn snapshot_volume(&self, app: &AppName, id: &VolumeId) -> Result<VolumeSnapshot, ClientError> {
        self.call(Method::POST, &format!("/v1/apps/{app}/volumes/{id}/snapshots"), NO_BODY).await
    }
}

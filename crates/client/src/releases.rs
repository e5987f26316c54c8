//! Calls about releases and their deploys.

use roost_api_types::{CreateRelease, Deploy, DeployAnswer, DeployEvent, Release, Rollback, Scale};
use roost_model::AppName;

use crate::{ApiClient, ClientError, JsonLines};

impl ApiClient {
    /// Makes a release and begins to deploy it.
    pub async fn create_release(
        &self,
        app: &AppName,
        release: &CreateRelease,
    ) -> Result<DeployAnswer, ClientError> {
        self.post(&format!("/v1/apps/{app}/releases"), release).await
    }

    /// Newest first.
    pub async fn releases(&self, app: &AppName) -> Result<Vec<Release>, ClientError> {
        self.get(&format!("/v1/apps/{app}/releases")).await
    }

    pub async fn release(&self, app: &AppName, version: u64) -> Result<Release, ClientError> {
        self.get(&format!("/v1/apps/{app}/releases/{version}")).await
    }

    pub async fn rollback(&self, app: &AppName, rollback: &Rollback) -> Result<DeployAnswer, ClientError> {
        self.post(&format!("/v1/apps/{app}/rollback"), rollback).await
    }

    pub async fn scale(&self, app: &AppName, scale: &Scale) -> Result<DeployAnswer, ClientError> {
        self.post(&format!("/v1/apps/{app}/scale"), scale).await
    }

    /// Newest first.
    pub async fn deploys(&self, app: &AppName) -> Result<Vec<Deploy>, ClientError> {
        self.get(&format!("/v1/apps/{app}/deploys")).await
    }

    /// How a deploy stands, then what happens, until it has ended.
    pub async fn watch_deploy(
        &self,
        app: &AppName,
        number: u64,
    ) -> Result<JsonLines<DeployEvent>, ClientError> {
        self.lines(&format!("/v1/apps/{app}/deploys/{number}/watch")).await
    }
}

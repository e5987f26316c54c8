//! Deploys and their locks.

use roost_api_types::ErrorCode;
use roost_model::AppName;
use roost_records::{DeployLock, DeployRecord, Stored, key};

use super::Store;
use crate::error::{ApiError, Result};

impl Store {
    pub async fn deploy(&self, app: &AppName, number: u64) -> Result<Stored<DeployRecord>> {
        let deploy = self.get::<DeployRecord>(&key::deploy(app, number)).await?;
        deploy.ok_or_else(|| {
            ApiError::new(
                ErrorCode::NotFound,
                format!("app \"{app}\" has no deploy {number} (old ones are forgotten)"),
            )
        })
    }

    /// The last `count` deploys, newest first.
    pub async fn deploys(&self, app: &AppName, count: usize) -> Result<Vec<DeployRecord>> {
        self.newest(&key::deploys(app), count).await
    }

    /// Number of the newest deploy; 0 when there is none.
    pub async fn newest_deploy(&self, app: &AppName) -> Result<u64> {
        Ok(self.deploys(app, 1).await?.first().map_or(0, |deploy| deploy.number))
    }

    /// # Errors
    /// A deploy of the app runs.
    pub async fn check_no_deploy(&self, app: &AppName) -> Result<()> {
        match self.get::<DeployLock>(&key::deploy_lock(app)).await? {
            None => Ok(()),
            Some(lock) => Err(deploy_runs(app, &lock.record)),
        }
    }
}

pub fn deploy_runs(app: &AppName, lock: &DeployLock) -> ApiError {
    let DeployLock { number, release } = lock;
    let message = format!(
        "deploy {number} of app \"{app}\" is running (release v{release}); wait until it has ended: `roost status -a {app}`"
    );
    ApiError::new(ErrorCode::DeployRunning, message)
        .details(serde_json::json!({ "deploy": number, "release": release }))
}

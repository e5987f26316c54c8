//! Releases.

use roost_model::AppName;
use roost_records::{ReleaseRecord, key};

use super::Store;
use crate::error::{ApiError, Result};

impl Store {
    pub async fn release(&self, app: &AppName, version: u64) -> Result<ReleaseRecord> {
        let release = self.get::<ReleaseRecord>(&key::release(app, version)).await?;
        release.map(|stored| stored.record).ok_or_else(|| ApiError::no_release(app, version))
    }

    /// The last `count` releases, newest first.
    pub async fn releases(&self, app: &AppName, count: usize) -> Result<Vec<ReleaseRecord>> {
        self.newest(&key::releases(app), count).await
    }

    /// Version of the newest release; 0 when there is none.
    pub async fn newest_release(&self, app: &AppName) -> Result<u64> {
        Ok(self.releases(app, 1).await?.first().map_or(0, |release| release.version))
    }
}

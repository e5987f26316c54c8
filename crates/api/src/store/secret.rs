//! Versions of an app's secrets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use roost_directory::{Compare, Txn};
use roost_model::AppName;
use roost_records::{SecretsRecord, key};

use super::{MAX_TRIES, Store, put};
use crate::error::{ApiError, Result};

impl Store {
    /// The newest secrets; version 0 and empty when there never were any.
    pub async fn newest_secrets(&self, app: &AppName) -> Result<SecretsRecord> {
        let newest = self.newest(&key::secrets(app), 1).await?.pop();
        Ok(newest.unwrap_or_else(|| none(app)))
    }

    /// The secrets as of a version.
    pub async fn secrets(&self, app: &AppName, version: u64) -> Result<SecretsRecord> {
        if version == 0 {
            return Ok(none(app));
        }
        let stored = self.get::<SecretsRecord>(&key::secrets_version(app, version)).await?;
        stored.map(|s| s.record).ok_or_else(|| {
            ApiError::internal(format!("version {version} of the secrets of app \"{app}\" is not kept"))
        })
    }

    /// Makes the next version by a change of the newest; the newest itself if nothing changes.
    pub async fn update_secrets(
        &self,
        app: &AppName,
        change: impl Fn(&mut SecretsRecord) -> Result<()>,
    ) -> Result<SecretsRecord> {
        for _ in 0..MAX_TRIES {
            let before = self.newest_secrets(app).await?;
            let mut next = before.clone();
            change(&mut next)?;
            if next == before {
                return Ok(before);
            }
            (next.version, next.created_at) = (before.version + 1, Timestamp::now());
            let key = key::secrets_version(app, next.version);
            let txn = Txn::always([put(&key, &next)])
                .when(Compare::absent(&key))
                .when(Compare::present(key::app(app)));
            if self.txn(txn).await?.succeeded {
                return Ok(next);
            }
            self.app(app).await?;
        }
        Err(ApiError::contended())
    }
}

fn none(app: &AppName) -> SecretsRecord {
    SecretsRecord {
        app: app.clone(),
        version: 0,
        secrets: BTreeMap::new(),
        created_at: Timestamp::UNIX_EPOCH,
    }
}

//! Releases.

use std::collections::HashMap;

use roost_directory::{KeyValue, Op, Range, Txn};
use roost_model::AppName;
use roost_records::{CarriedOutBy, ClientRollout, Record, ReleaseRecord, Stored, key};

use super::Store;
use crate::error::{ApiError, Result};

/// Ids removed in one transaction, well within what one may hold.
const IDS_AT_ONCE: usize = 64;

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

    /// How far clients are with the last `count` releases that they carry out, by version.
    pub async fn client_rollouts(&self, app: &AppName, count: usize) -> Result<HashMap<u64, ClientRollout>> {
        let newest = Range::prefix(key::client_rollouts(app)).descending().limit(count);
        let page = self.directory.range(newest).await?;
        let rollout = |kv: &KeyValue| {
            let version = kv.key.rsplit('/').next().and_then(|number| number.parse().ok());
            Ok((version.unwrap_or_default(), ClientRollout::decode(kv)?))
        };
        page.kvs.iter().map(rollout).collect()
    }

    pub async fn client_rollout(&self, app: &AppName, version: u64) -> Result<Stored<ClientRollout>> {
        let stored = self.get::<ClientRollout>(&key::client_rollout(app, version)).await?;
        stored.ok_or_else(|| ApiError::no_release(app, version))
    }

    /// Forgets which releases the ids name that clients were given.
    pub(super) async fn remove_release_ids(&self, app: &AppName) -> Result<()> {
        let releases = self.list::<ReleaseRecord>(&key::releases(app)).await?;
        let by_clients = releases.iter().filter(|r| r.record.carried_out_by == CarriedOutBy::Client);
        let keys: Vec<String> = by_clients.map(|r| key::release_id(&r.record.id)).collect();
        for some in keys.chunks(IDS_AT_ONCE) {
            self.txn(Txn::always(some.iter().map(Op::delete))).await?;
        }
        Ok(())
    }
}

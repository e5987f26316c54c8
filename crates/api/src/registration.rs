//! Keeps the hosts' records in the directory true to what hosts say of themselves.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use roost_directory::{Compare, Txn};
use roost_host_api::HostInfo;
use roost_records::{HostRecord, key};

use crate::{api::Api, error::Result, store::put};

/// A host that comes up differently (another driver, another key) is in its record this soon.
const INTERVAL: Duration = Duration::from_secs(15);

/// While a host has not answered yet, which at start it may not.
const FIRST_INTERVAL: Duration = Duration::from_millis(500);

pub async fn keep_registered(api: Arc<Api>) {
    let mut interval = FIRST_INTERVAL;
    loop {
        for answer in api.hosts.introductions().await {
            match answer {
                Ok(info) => {
                    interval = INTERVAL;
                    if let Err(error) = register(&api, &info).await {
                        tracing::warn!(host = %info.id, %error, "a host could not be registered");
                    }
                }
                Err(error) => tracing::debug!(%error, "a host does not answer"),
            }
        }
        if api.shutdown.run_until_cancelled(tokio::time::sleep(interval)).await.is_none() {
            return;
        }
    }
}

/// Writes the record if it is new or different.
async fn register(api: &Api, info: &HostInfo) -> Result<()> {
    let key = key::host(&info.id);
    let stored = api.store.get::<HostRecord>(&key).await?;
    let (registered_at, revision) =
        stored.as_ref().map_or((Timestamp::now(), 0), |s| (s.record.registered_at, s.revision));
    let record = HostRecord {
        id: info.id.clone(),
        region: info.region.clone(),
        number: info.number,
        sealing_key: info.sealing_key.clone(),
        driver: info.driver.clone(),
        version: info.version.clone(),
        registered_at,
    };
    if stored.is_some_and(|s| s.record == record) {
        return Ok(());
    }
    tracing::info!(host = %info.id, region = %info.region, driver = %info.driver, "host registered");
    api.store.txn(Txn::always([put(&key, &record)]).when(Compare::unchanged(&key, revision))).await?;
    Ok(())
}

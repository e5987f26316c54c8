//! Collecting images that nobody needs: on hosts, and in the platform's registry.
//!
//! Needed are the images of every machine that has not been destroyed, and of the releases that an
//! app can return to.

use std::{collections::HashSet, sync::Arc, time::Duration};

use roost_host_api::CollectImages;
use roost_model::ImageRef;

use crate::{api::Api, error::Result};

/// Images pile up with deploys, not with time; once an hour is often enough.
const INTERVAL: Duration = Duration::from_secs(3600);

/// What was pushed this recently may belong to a release that is about to be made.
const PUSH_GRACE: Duration = Duration::from_secs(24 * 3600);

/// Releases of an app whose images are kept: as far back as a rollback can go.
pub const KEPT_RELEASES: usize = 10;

pub async fn collect_regularly(api: Arc<Api>) {
    loop {
        if api.shutdown.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_none() {
            return;
        }
        if let Err(error) = collect(&api).await {
            tracing::warn!(%error, "images could not be collected");
        }
    }
}

async fn collect(api: &Api) -> Result<()> {
    let keep = needed(api).await?;
    let request = CollectImages { keep: keep.iter().cloned().collect() };
    for host in api.hosts.all() {
        let collected = host.collect_images(&request).await?;
        tracing::info!(images = collected.images, bytes = collected.freed_bytes, "host images collected");
    }
    match api.blobs.collect(&keep, PUSH_GRACE).await {
        Ok(swept) => tracing::info!(manifests = swept.manifests, bytes = swept.bytes, "registry collected"),
        Err(error) => tracing::warn!(%error, "the registry could not be collected"),
    }
    Ok(())
}

/// Digests of manifests that must stay.
async fn needed(api: &Api) -> Result<HashSet<String>> {
    let mut images: Vec<ImageRef> = Vec::new();
    for app in api.store.apps().await? {
        let releases = api.store.releases(&app.name, KEPT_RELEASES).await?;
        images.extend(releases.into_iter().map(|release| release.image));
        if let Some(current) = app.current_release {
            images.push(api.store.release(&app.name, current).await?.image);
        }
    }
    for host in api.hosts.all() {
        let machines = host.machines(None).await?.into_iter().filter(|m| !m.state.is_gone());
        images.extend(machines.map(|machine| machine.image));
    }
    Ok(images.into_iter().filter_map(|image| image.digest).collect())
}

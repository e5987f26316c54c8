//! What this process knows of the platform: one catalog for all of its roles, kept fresh.

use std::sync::Arc;

use roost_catalog::{Catalog, CatalogConfig};
use roost_directory::Directory;
use roost_host_api::HostClient;

use super::{DataDir, running::Running};

/// The catalog, with what was known when it was last saved.
pub fn open(data: &DataDir) -> Catalog {
    Catalog::open(CatalogConfig { save_to: Some(data.catalog()) })
}

/// Follows its sources. Without a directory (the api is another process) apps are known by their machines only.
pub fn follow(
    catalog: &Catalog,
    directory: Option<Arc<dyn Directory>>,
    host: HostClient,
    running: &mut Running,
) {
    let (following, shutdown) = (catalog.clone(), running.shutdown());
    running.add("catalog", async move {
        match directory {
            Some(directory) => following.run(directory, vec![host], shutdown).await,
            None => following.follow_host(host, shutdown).await,
        }
        Ok(())
    });
}

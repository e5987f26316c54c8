//! The roles but the edge, on a runtime of their own: when another server takes over, they end here as with the
//! process, and the edge goes on beside.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use roost_catalog::Catalog;
use roost_directory::{Directory, SqliteDirectory};
use roost_edge::Sockets;
use roost_host_api::HostClient;
use tokio::runtime::{Builder, Handle, Runtime};

use super::{DataDir, api, dns, edge, host, read_model, running::Running};
use crate::config::{Role, ServerConfig};

/// For calls that block to end after their role did: a write to a disk, at most.
const BLOCKING_PATIENCE: Duration = Duration::from_secs(10);

pub struct Control {
    /// None only while it ends.
    runtime: Option<Runtime>,
    running: Running,
    handle: Handle,
    /// Its locks go with it.
    data: DataDir,
}

impl Control {
    pub async fn start(
        config: &ServerConfig,
        data: DataDir,
        catalog: &Catalog,
        sockets: &Sockets,
    ) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread().enable_all().thread_name("roles").build();
        let runtime = runtime.context("cannot start the roles' runtime")?;
        let (config, catalog, sockets) = (config.clone(), catalog.clone(), sockets.clone());
        let starting = runtime.spawn(async move {
            let mut running = Running::default();
            let started = Box::pin(start(&config, &data, catalog, &sockets, &mut running)).await;
            started.map(|()| (running, data))
        });
        match starting.await.context("the start of the roles panicked").flatten() {
            Ok((running, data)) => {
                Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime), running, data })
            }
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    pub fn data(&self) -> &DataDir {
        &self.data
    }

    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    pub async fn first_end(&mut self) -> (&'static str, anyhow::Result<()>) {
        self.running.first_end().await
    }

    /// Ends the roles, and whatever they left running.
    pub async fn stop(mut self) {
        std::mem::take(&mut self.running).stop().await;
        let Some(runtime) = self.runtime.take() else { return };
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(BLOCKING_PATIENCE)).await;
        if let Err(error) = ended {
            tracing::warn!(%error, "the roles' runtime ended badly");
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Directory and api first: the first start makes the token that the host shows to the registry. Then
/// the host, whose network the dns role answers on.
async fn start(
    config: &ServerConfig,
    data: &DataDir,
    catalog: Catalog,
    sockets: &Sockets,
    running: &mut Running,
) -> anyhow::Result<()> {
    let plays = |role| config.roles.contains(&role);
    let host = HostClient::unix(data.host_socket());
    let directory = match plays(Role::Api) {
        true => Some(open_directory(data).await?),
        false => None,
    };
    read_model::follow(&catalog, directory.clone(), host.clone(), running);
    if let Some(directory) = directory {
        api::start(config, data, directory, host, sockets, running).await?;
    }
    if plays(Role::Host) {
        host::start(config, data, running).await?;
    }
    if plays(Role::Dns) {
        dns::start(config, catalog.clone(), running);
    }
    if plays(Role::Edge) {
        edge::tell_loads(data, catalog, running)?;
    }
    Ok(())
}

async fn open_directory(data: &DataDir) -> anyhow::Result<Arc<dyn Directory>> {
    let path = data.directory_db();
    let directory = SqliteDirectory::open(&path).await;
    Ok(Arc::new(directory.with_context(|| format!("cannot open the directory {}", path.display()))?))
}

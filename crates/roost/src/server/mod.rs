//! `roost server`: the roles of this process, started in order and stopped in reverse.
//!
//! Responsible for: the data folder and its lock, logging, opening listeners, handing each role what
//! it needs, telling systemd when all of them serve, and an orderly end that leaves machines running.
//! Not responsible for: what a role does. The roles share no state here; they meet at their sockets.

mod api;
mod data_dir;
mod dns;
mod edge;
mod host;
mod logging;
mod notify;
mod platform_registry;
mod private_socket;
mod read_model;
mod running;
mod signals;

use std::sync::Arc;

use anyhow::Context as _;
use roost_directory::{Directory, SqliteDirectory};
use roost_host_api::HostClient;

pub use data_dir::{DataDir, Paths};
pub use logging::init as init_logging;

use crate::config::{Role, ServerConfig};
use running::Running;

/// Runs the configured roles until a signal, or until one of them fails.
pub async fn run(config: ServerConfig) -> anyhow::Result<()> {
    let data = DataDir::open(&config.data_dir, &config.roles)?;
    let mut running = Running::default();
    start(&config, &data, &mut running).await?;
    notify::ready();
    let roles = config.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    tracing::info!(roles, data_dir = %data.root().display(), "serving");

    let failed = tokio::select! {
        signal = signals::stop_asked() => {
            tracing::info!(signal = signal?, "stopping; machines keep running");
            None
        }
        failed = running.first_end() => Some(failed),
    };
    notify::stopping();
    running.stop().await;
    match failed {
        None => Ok(()),
        Some((role, result)) => {
            result.with_context(|| format!("the {role} role failed"))?;
            anyhow::bail!("the {role} role ended by itself")
        }
    }
}

/// Directory and api first: the first start makes the token that the host shows to the registry. Then
/// the host, whose network the dns role answers on; the edge last, when there is something behind it.
async fn start(config: &ServerConfig, data: &DataDir, running: &mut Running) -> anyhow::Result<()> {
    let plays = |role| config.roles.contains(&role);
    let host = HostClient::unix(data.host_socket());
    let directory = match plays(Role::Api) {
        true => Some(open_directory(data).await?),
        false => None,
    };
    let catalog = read_model::start(data, directory.clone(), host.clone(), running);
    if let Some(directory) = directory {
        api::start(config, data, directory, host.clone(), running).await?;
    }
    if plays(Role::Host) {
        host::start(config, data, running).await?;
    }
    if plays(Role::Dns) {
        dns::start(config, catalog.clone(), running);
    }
    if plays(Role::Edge) {
        edge::start(config, data, catalog, host, running).await?;
    }
    Ok(())
}

async fn open_directory(data: &DataDir) -> anyhow::Result<Arc<dyn Directory>> {
    let path = data.directory_db();
    let directory = SqliteDirectory::open(&path).await;
    Ok(Arc::new(directory.with_context(|| format!("cannot open the directory {}", path.display()))?))
}

//! The host role: this box's machines, behind a unix socket.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::Context as _;
use roost_host::{Host, HostConfig};
use tokio::net::UnixListener;

use super::{DataDir, platform_registry, running::Running};
use crate::{config::ServerConfig, failure::OrNext as _};

/// Starts the role; returns when the machines of an earlier run are found again and the socket answers.
/// The first start may take as long as a trial boot.
pub async fn start(config: &ServerConfig, data: &DataDir, running: &mut Running) -> anyhow::Result<()> {
    let settings = HostConfig {
        id: config.host_id.clone(),
        region: config.region.clone(),
        number: config.host_number,
        dir: data.host(),
        settings: config.host.clone(),
        vmm: config.vmm.clone(),
        network: config.network.clone(),
        registry: platform_registry::pull_config(config, data).context("cannot read the admin token")?,
    };
    let host = Host::open(settings).await.or_next("sudo roost doctor")?;
    let info = host.info();
    tracing::info!(host = %info.id, driver = info.driver, reason = info.driver_reason, "host serves");
    let listener = bind_private(&data.host_socket()).context("cannot open the host's socket")?;
    let shutdown = running.shutdown();
    running.add("host", async move { Ok(host.serve(listener, shutdown).await?) });
    Ok(())
}

/// A socket that only root may connect to: its API asks for no token.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

//! The host role: this box's machines, behind a unix socket.

use anyhow::Context as _;
use roost_host::{Host, HostConfig};

use super::{DataDir, platform_registry, private_socket, running::Running};
use crate::{config::ServerConfig, failure::OrNext as _};

/// Starts the role; returns when the machines of an earlier run are found again and the socket answers.
/// The first start may take as long as a trial boot.
pub async fn start(config: &ServerConfig, data: &DataDir, running: &mut Running) -> anyhow::Result<()> {
    let settings = HostConfig {
        id: config.host_id.clone(),
        region: config.region.clone(),
        number: config.host_number,
        dir: data.host(),
        api_socket: data.machine_socket(),
        settings: config.host.clone(),
        vmm: config.vmm.clone(),
        network: config.network.clone(),
        registry: platform_registry::pull_config(config, data).context("cannot read the admin token")?,
    };
    let host = Host::open(settings).await.or_next("sudo roost doctor")?;
    let info = host.info();
    tracing::info!(host = %info.id, driver = info.driver, reason = info.driver_reason, "host serves");
    let listener = private_socket::bind(&data.host_socket()).context("cannot open the host's socket")?;
    let shutdown = running.shutdown();
    running.add("host", async move { Ok(host.serve(listener, shutdown).await?) });
    Ok(())
}

//! `roost server`: the roles of this process, started in order and stopped in reverse.
//!
//! Responsible for: the data folder and its lock, logging, opening listeners, handing each role what
//! it needs, telling systemd when all of them serve, and an orderly end that leaves machines running.
//! Not responsible for: what a role does. The roles share no state here; they meet at their sockets.

mod data_dir;
mod logging;
mod notify;
mod running;
mod signals;

use anyhow::Context as _;

pub use data_dir::DataDir;
pub use logging::init as init_logging;

use crate::config::ServerConfig;
use running::Running;

/// Runs the configured roles until a signal, or until one of them fails.
pub async fn run(config: ServerConfig) -> anyhow::Result<()> {
    let data = DataDir::open(&config.data_dir)?;
    let mut running = Running::default();
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

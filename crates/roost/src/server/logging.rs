//! Logs of the server: stderr, for people or as JSON.

use std::io::{IsTerminal as _, stderr};

use anyhow::Context as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogFormat, LogSection};

/// Dependencies whose warnings are about kernels newer than they, and nobody can act on them.
const QUIET: &str = "netlink_packet_route=error";

/// Starts logging; `ROOST_LOG` wins over the file's level.
pub fn init(config: &LogSection) -> anyhow::Result<()> {
    let level = std::env::var("ROOST_LOG").unwrap_or_else(|_| config.level.clone());
    let filter =
        EnvFilter::try_new(format!("{QUIET},{level}")).with_context(|| format!("log.level \"{level}\""))?;
    let builder = fmt().with_env_filter(filter).with_writer(stderr);
    match config.format {
        LogFormat::Human => builder.with_ansi(stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}

//! `roost server`: starts the platform on this box.

use std::path::PathBuf;

use crate::{
    cli::Global,
    config::{self, Role, ServerConfig},
    failure::OrNext as _,
    server,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The first start writes an admin token to <data_dir>/admin-token, readable by root only; roost commands
on the same box find it by themselves. Stopping the server leaves machines running. SIGHUP lets another
server take over, which is the program at the same path by then: no connection is refused or cut.

Examples:
  sudo roost server
  sudo roost server --config ./roost.toml
  roost server --check-config
  sudo roost server --roles host,dns")]
pub struct Args {
    /// Configuration file [default: /etc/roost/roost.toml, if it exists]
    #[arg(short, long, value_name = "PATH")]
    config: Option<PathBuf>,

    /// Check the configuration and exit
    #[arg(long)]
    check_config: bool,

    /// Play only these roles: api, host, edge, dns
    #[arg(long, value_delimiter = ',', value_name = "ROLES")]
    roles: Vec<Role>,

    /// A server that this one replaces is at the other end of standard input; it says so itself
    #[arg(long, hide = true)]
    take_over: bool,
}

pub async fn run(args: Args, global: &Global) -> anyhow::Result<()> {
    let config = settings(&args, global)?;
    if args.check_config {
        eprintln!("configuration is valid");
        return Ok(());
    }
    server::init_logging(&config.log)?;
    let predecessor = args.take_over.then(server::Predecessor::meet).transpose()?;
    Box::pin(server::run(config, predecessor)).await
}

/// The file's settings, with what the command line says in its place.
fn settings(args: &Args, global: &Global) -> anyhow::Result<ServerConfig> {
    let mut config = config::load(args.config.as_deref())
        .or_next("correct the file; roost server --check-config tests it")?;
    if let Some(data_dir) = &global.data_dir {
        config.data_dir = std::path::absolute(data_dir)?;
    }
    if !args.roles.is_empty() {
        config.roles.clone_from(&args.roles);
    }
    Ok(config)
}

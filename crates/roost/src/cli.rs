//! The commands and the options that all of them share.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    apps, audit, auth, certs, completions, deploy, doctor, env, ips, launch, logs, machine, orgs, releases,
    rollback, scale, secrets, server, status, tokens, volumes,
};

#[derive(Debug, Parser)]
#[command(
    name = "roost",
    version,
    about = "Run apps as microVMs on your own machines",
    after_help = "\
Examples:
  sudo roost server                 start the platform on this box
  roost launch                      write a fly.toml for the app in this folder
  roost deploy                      build, release and start it
  roost logs --app hello            follow its logs",
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Print JSON on stdout
    #[arg(short, long, global = true)]
    pub json: bool,

    /// API token; on the server's own box it is found by itself
    #[arg(
        short = 't',
        long,
        global = true,
        env = "ROOST_API_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub access_token: Option<String>,

    /// URL of the API; on the server's own box it is found by itself
    #[arg(long, global = true, env = "ROOST_API_URL", value_name = "URL")]
    pub api_url: Option<String>,

    /// The server's data folder, for a server on this box that does not use the default one
    #[arg(long, global = true, env = "ROOST_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Which app a command is about.
#[derive(Debug, Clone, Default, Args)]
pub struct AppOption {
    /// App name; otherwise the `app` key of the configuration file
    #[arg(short, long, env = "FLY_APP", value_name = "NAME")]
    pub app: Option<String>,

    /// Path of the configuration file, or of the folder that holds it
    #[arg(short, long, value_name = "PATH")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the platform on this box
    Server(server::Args),
    /// Write a fly.toml for the app in this folder
    Launch(launch::Args),
    /// Build an app, make a release of it and roll it out
    Deploy(Box<deploy::Args>),
    /// List, create and destroy apps
    #[command(visible_alias = "app")]
    Apps(apps::Args),
    /// Show an app and its machines, or the platform
    Status(status::Args),
    /// Show an app's logs
    Logs(logs::Args),
    /// List an app's releases
    Releases(releases::Args),
    /// Return to an earlier release
    Rollback(rollback::Args),
    /// List and operate machines
    #[command(visible_aliases = ["machines", "m"])]
    Machine(machine::Args),
    /// Manage an app's volumes and their snapshots
    #[command(visible_aliases = ["volume", "vol"])]
    Volumes(volumes::Args),
    /// Manage an app's secrets
    #[command(visible_alias = "secret")]
    Secrets(secrets::Args),
    /// Manage an app's own names and their certificates
    #[command(visible_alias = "certificates")]
    Certs(certs::Args),
    /// Manage an app's addresses
    #[command(visible_alias = "ip")]
    Ips(ips::Args),
    /// Change how many machines an app has
    Scale(scale::Args),
    /// Log in and out
    Auth(auth::Args),
    /// Make, list and revoke API tokens
    #[command(visible_alias = "token")]
    Tokens(tokens::Args),
    /// Organizations and who belongs to them
    #[command(visible_alias = "org")]
    Orgs(orgs::Args),
    /// Show who did what
    Audit(audit::Args),
    /// Print the environment that points flyctl at this server
    Env(env::Args),
    /// Check what this box has and lacks
    Doctor(doctor::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

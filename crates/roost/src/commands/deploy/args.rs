//! The options of `roost deploy`: flyctl's names where flyctl has them.

use std::path::PathBuf;

use anyhow::Context as _;
use roost_app_config::AppConfig;
use roost_builder::Mirror;
use roost_model::Region;

use crate::cli::AppOption;

#[derive(Debug, Default, clap::Args)]
#[command(after_help = "\
The rollout is the server's work: when this command is killed, it goes on. `roost status` shows it.

Examples:
  roost deploy
  roost deploy --image docker.io/library/nginx:1.27
  roost deploy --build-arg VERSION=1.2 --build-secret id=npm,src=$HOME/.npmrc
  roost deploy --plan")]
pub struct Args {
    #[command(flatten)]
    pub app: AppOption,

    /// Deploy this image; build nothing
    #[arg(short, long, value_name = "IMAGE")]
    pub image: Option<String>,

    /// Dockerfile to build, relative to the configuration file
    #[arg(long, value_name = "PATH")]
    pub dockerfile: Option<PathBuf>,

    /// Ignore file of the build context
    #[arg(long, value_name = "PATH")]
    pub ignorefile: Option<PathBuf>,

    /// Stage of the Dockerfile to stop at
    #[arg(long, value_name = "STAGE")]
    pub build_target: Option<String>,

    /// Build argument; wins over the configuration's
    #[arg(long, value_name = "NAME=VALUE")]
    pub build_arg: Vec<String>,

    /// Build secret: id=ID,src=PATH, id=ID,env=NAME, or ID=VALUE
    #[arg(long, value_name = "SECRET")]
    pub build_secret: Vec<String>,

    /// Label of the image
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<String>,

    /// Where the build looks for base images first: REGISTRY=URL, such as docker.io=http://127.0.0.1:5000
    #[arg(long, env = "ROOST_BUILD_MIRRORS", value_delimiter = ',', value_name = "MIRROR")]
    pub registry_mirror: Vec<Mirror>,

    /// Build every step anew
    #[arg(long)]
    pub no_cache: bool,

    /// Build and push the image, print its name, and release nothing
    #[arg(long)]
    pub build_only: bool,

    /// Environment variable; wins over the configuration's
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,

    /// Region of new machines
    #[arg(short = 'r', long, value_name = "CODE")]
    pub primary_region: Option<Region>,

    /// How to replace machines: rolling or immediate [default: the configuration's, else rolling]
    #[arg(long, value_name = "STRATEGY")]
    pub strategy: Option<String>,

    /// Two machines for each group that serves, on the first deploy
    #[arg(long)]
    pub ha: bool,

    /// Give the app a private address first, for the machines of its network: then a new app is served to nobody else
    #[arg(long)]
    pub flycast: bool,

    /// What this release is about
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,

    /// Print the steps and change nothing
    #[arg(long)]
    pub plan: bool,

    /// Take unknown keys of the configuration for errors
    #[arg(long)]
    pub strict: bool,

    /// Do not wait for the rollout
    #[arg(long)]
    pub detach: bool,
}

impl Args {
    /// A plain deploy of the configuration at `path`.
    pub fn of(path: PathBuf) -> Self {
        Self { app: AppOption { app: None, config: Some(path) }, ..Self::default() }
    }

    /// Puts what the command line says in place of what the file says.
    pub fn apply(&self, config: &mut AppConfig) -> anyhow::Result<()> {
        for pair in &self.env {
            let (name, value) = pair.split_once('=').context("--env is written NAME=VALUE")?;
            config.env.insert(name.to_owned(), value.to_owned());
        }
        if let Some(region) = &self.primary_region {
            config.primary_region = Some(region.clone());
        }
        Ok(())
    }
}

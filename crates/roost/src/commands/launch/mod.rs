//! `roost launch`: writes a fly.toml for the app in a folder.

mod app_name;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use roost_app_config::{AppConfig, section::HttpService};
use roost_builder::{exposed_ports, find_dockerfile};
use roost_model::{AppName, Region, service::Autostop};

use super::context::Context;
use crate::{app_file, failure::OrNext as _};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost launch                             in a folder with a Dockerfile
  roost launch --name hello --now          and deploy at once
  roost launch --image nginx:1.27 --internal-port 80")]
pub struct Args {
    /// Name of the app [default: made from the folder's name]
    #[arg(short, long, alias = "app", value_name = "NAME")]
    name: Option<AppName>,

    /// Region of its machines [default: the server's]
    #[arg(short, long, value_name = "CODE")]
    region: Option<Region>,

    /// Port that the app listens on [default: what the Dockerfile exposes]
    #[arg(long, value_name = "PORT")]
    internal_port: Option<u16>,

    /// Run this image instead of building one
    #[arg(short, long, value_name = "IMAGE")]
    image: Option<String>,

    /// Dockerfile to build [default: Dockerfile]
    #[arg(long, value_name = "PATH")]
    dockerfile: Option<String>,

    /// The app's folder
    #[arg(long, default_value = ".", value_name = "DIR")]
    path: PathBuf,

    /// Replace a fly.toml that is there
    #[arg(long)]
    force: bool,

    /// Deploy when the file is written
    #[arg(long)]
    now: bool,
}

/// What an app listens on when nothing says otherwise.
const USUAL_PORT: u16 = 8080;

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    if app_file::exists_in(&args.path).with_context(|| format!("cannot use {}", args.path.display()))?
        && !args.force
    {
        let there = Err(anyhow::anyhow!("{} has a configuration file already", args.path.display()));
        return there.or_next("roost deploy, or roost launch --force to replace the file");
    }
    let port = port(&args, context)?;
    let api = context.api()?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => app_name::from_folder(&args.path)?,
    };
    let region = match &args.region {
        Some(region) => Some(region.clone()),
        None => api.status().await?.hosts.into_iter().next().map(|host| host.region),
    };
    let config = configuration(&args, name.clone(), region, port);
    let file = args.path.join("fly.toml");
    fs::write(&file, config.to_toml()).with_context(|| format!("cannot write {}", file.display()))?;
    context
        .progress
        .note(format!("wrote {} for the app {name}, which listens on port {port}", file.display()));

    if args.now {
        return super::deploy::run(super::deploy::Args::of(file), context).await;
    }
    context.output.result(&config, |_| "next: roost deploy".to_owned())?;
    Ok(())
}

fn port(args: &Args, context: &Context) -> anyhow::Result<u16> {
    if let Some(port) = args.internal_port {
        return Ok(port);
    }
    if args.image.is_some() {
        return Ok(USUAL_PORT);
    }
    let dockerfile = find_dockerfile(&args.path, args.dockerfile.as_deref().map(Path::new))?;
    let text =
        fs::read_to_string(&dockerfile).with_context(|| format!("cannot read {}", dockerfile.display()))?;
    Ok(exposed_ports(&text).into_iter().next().unwrap_or_else(|| {
        context.progress.warn(format!(
            "{} has no EXPOSE; taking port {USUAL_PORT}. Change internal_port if the app listens elsewhere",
            dockerfile.display()
        ));
        USUAL_PORT
    }))
}

/// An app that sleeps when nobody asks for it.
fn configuration(args: &Args, name: AppName, region: Option<Region>, port: u16) -> AppConfig {
    let mut config = AppConfig { app: Some(name), primary_region: region, ..AppConfig::default() };
    config.build.image.clone_from(&args.image);
    config.build.dockerfile.clone_from(&args.dockerfile);
    config.http_service = Some(HttpService {
        internal_port: Some(port),
        auto_stop_machines: Some(Autostop::Stop),
        auto_start_machines: Some(true),
        min_machines_running: Some(0),
        ..HttpService::default()
    });
    config
}

//! `roost status`: an app with its machines, or the platform.

use std::fmt::Write as _;

use roost_api_types::{App, HostStatus, Machine, ServerStatus};
use serde::Serialize;

use super::{context::Context, machine::table};
use crate::{cli::AppOption, failure::OrNext as _, output::Table};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost status --app hello
  roost status                the app of the fly.toml here, else the platform")]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// Show the platform, whatever is here
    #[arg(long)]
    platform: bool,
}

#[derive(Debug, Serialize)]
struct AppStatus {
    app: App,
    machines: Vec<Machine>,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let api = context.api()?;
    if args.platform || !context.names_app(&args.app) {
        let status = api.status().await.or_next("sudo roost server")?;
        context.output.result(&status, platform_text)?;
        return Ok(());
    }
    let name = context.app(&args.app)?;
    let app = api.app(&name).await.or_next("roost apps list")?;
    let machines = api.machines(&name).await?;
    context.output.result(&AppStatus { app, machines }, app_text)?;
    Ok(())
}

fn app_text(status: &AppStatus) -> String {
    let AppStatus { app, machines } = status;
    let mut text = String::new();
    let release = app.current_release.map_or_else(|| "none".to_owned(), |version| format!("v{version}"));
    let _ = writeln!(
        text,
        "app:     {}\nurl:     {}\nrelease: {release}\nstatus:  {}\n",
        app.name, app.url, app.status
    );
    if machines.is_empty() {
        text.push_str("no machines\nnext: roost deploy\n");
    } else {
        text.push_str(&table(machines));
    }
    text
}

fn platform_text(status: &ServerStatus) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "roost {}; apps answer at {}\n", status.version, status.app_url);
    let mut table =
        Table::new(["HOST", "REGION", "STATE", "DRIVER", "CPUS FREE", "MEMORY FREE", "DISK FREE"]);
    for host in &status.hosts {
        table.row(host_row(host));
    }
    text.push_str(&table.to_string());
    for host in &status.hosts {
        let _ = writeln!(text, "\n{}: {} because {}", host.id, host.driver, host.driver_reason);
    }
    for warning in &status.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

fn host_row(host: &HostStatus) -> [String; 7] {
    let of = |free: u64, total: u64| format!("{free} of {total} MiB");
    [
        host.id.to_string(),
        host.region.to_string(),
        if host.reachable { "ok" } else { "unreachable" }.to_owned(),
        host.driver.clone(),
        format!("{} of {}", host.free.cpus, host.total.cpus),
        of(host.free.memory_mib, host.total.memory_mib),
        of(host.free.disk_mib, host.total.disk_mib),
    ]
}

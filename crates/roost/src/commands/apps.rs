//! `roost apps`: lists, creates and destroys apps.

use roost_api_types::{App, CreateApp};
use roost_model::AppName;

use super::{confirm::confirm, context::Context};
use crate::{failure::OrNext as _, output::Table};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost apps list
  roost apps create hello
  roost apps destroy hello")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List apps
    #[command(visible_alias = "ls")]
    List {
        /// Print names only
        #[arg(short, long)]
        quiet: bool,
    },
    /// Create an app without deploying it
    Create {
        /// Name: lower-case letters, digits and dashes
        name: AppName,
        /// Org that owns it
        #[arg(short, long, default_value = "personal", value_name = "SLUG")]
        org: String,
        /// Private network of the org for its machines, made when it is new; the org's first one otherwise
        #[arg(long, value_name = "NAME")]
        network: Option<String>,
    },
    /// Destroy apps, their machines, secrets and releases
    #[command(visible_alias = "delete")]
    Destroy {
        /// The apps
        #[arg(required = true)]
        names: Vec<AppName>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Command::List { quiet } => list(quiet, context).await,
        Command::Create { name, org, network } => create(name, org, network, context).await,
        Command::Destroy { names, yes } => destroy(&names, yes, context).await,
    }
}

async fn list(quiet: bool, context: &Context) -> anyhow::Result<()> {
    let apps = context.api()?.apps().await?;
    context.output.result(&apps, |apps| if quiet { names(apps) } else { table(apps) })?;
    Ok(())
}

fn names(apps: &[App]) -> String {
    apps.iter().map(|app| format!("{}\n", app.name)).collect()
}

fn table(apps: &[App]) -> String {
    let mut table = Table::new(["NAME", "ORG", "STATUS", "MACHINES", "RELEASE", "URL"]);
    for app in apps {
        table.row([
            app.name.to_string(),
            app.organization.slug.clone(),
            app.status.to_string(),
            app.machine_count.to_string(),
            app.current_release.map_or_else(|| "-".to_owned(), |version| format!("v{version}")),
            app.url.clone(),
        ]);
    }
    table.to_string()
}

async fn create(
    name: AppName,
    org: String,
    network: Option<String>,
    context: &Context,
) -> anyhow::Result<()> {
    let request = CreateApp { name: name.to_string(), org_slug: org, network, ..CreateApp::default() };
    let app = context.api()?.create_app(&request).await.or_next("roost apps list")?;
    context.output.result(&app, |_| format!("created {name}\nnext: roost deploy --app {name}"))?;
    Ok(())
}

async fn destroy(names: &[AppName], yes: bool, context: &Context) -> anyhow::Result<()> {
    let api = context.api()?;
    for name in names {
        if !yes {
            confirm(&format!("Destroy {name} with its machines, secrets and releases?"))?;
        }
        let step = context.progress.step(format!("Destroying {name}"));
        api.destroy_app(name).await.or_next("roost apps list")?;
        step.done("destroyed");
    }
    Ok(())
}

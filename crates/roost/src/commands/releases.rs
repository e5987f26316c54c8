//! `roost releases`: what was released, and what became of it.

use roost_api_types::{DeployStatus, Release};

use super::context::Context;
use crate::{
    cli::AppOption,
    output::{Table, age},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost releases
  roost releases --image")]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// Show each release's image
    #[arg(long)]
    image: bool,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let releases = context.api()?.releases(&app).await?;
    context.output.result(&releases, |releases| table(releases, args.image))?;
    Ok(())
}

fn table(releases: &[Release], with_image: bool) -> String {
    let last = if with_image { "IMAGE" } else { "MESSAGE" };
    let mut table = Table::new(["VERSION", "STATUS", "DESCRIPTION", "BY", "WHEN", last]);
    for release in releases {
        let message = release.message.clone().unwrap_or_default();
        table.row([
            format!("v{}{}", release.version, if release.current { " *" } else { "" }),
            status(release.status).to_owned(),
            release.description.clone(),
            release.created_by.clone(),
            age(release.created_at),
            if with_image { release.image.to_string() } else { message },
        ]);
    }
    table.to_string()
}

fn status(status: DeployStatus) -> &'static str {
    match status {
        DeployStatus::Running => "running",
        DeployStatus::Returning => "returning",
        DeployStatus::Succeeded => "succeeded",
        DeployStatus::Failed => "failed",
        DeployStatus::Returned => "rolled back",
    }
}

//! `roost rollback`: makes a new release with the content of an earlier one, and rolls it out.

use roost_api_types::Rollback;

use super::{context::Context, deploy::watch};
use crate::{cli::AppOption, failure::OrNext as _};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Image, configuration and secrets are those of the earlier release.

Examples:
  roost rollback            to the last good release before the current one
  roost rollback 7          to v7; roost releases lists them")]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// Version to return to [default: the last good one before the current]
    #[arg(value_name = "VERSION", value_parser = version)]
    version: Option<u64>,

    /// Print the steps and change nothing
    #[arg(long)]
    plan: bool,

    /// Do not wait for the rollout
    #[arg(long)]
    detach: bool,
}

fn version(text: &str) -> Result<u64, std::num::ParseIntError> {
    text.strip_prefix('v').unwrap_or(text).parse()
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let api = context.api()?;
    let request = Rollback { version: args.version, plan_only: args.plan };
    let answer = api.rollback(&app, &request).await.or_next(format!("roost releases --app {app}"))?;
    watch::follow(&api, &app, answer, args.detach, context).await
}

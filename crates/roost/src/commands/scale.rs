//! `roost scale count`: changes how many machines an app has.

use std::collections::BTreeMap;

use roost_api_types::Scale;

use super::{context::Context, deploy::watch};
use crate::{cli::AppOption, failure::OrNext as _};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Set the number of machines of each process group
    #[command(after_help = "\
Examples:
  roost scale count 3               of the group \"app\"
  roost scale count web=2 worker=1
  roost scale count web=2,worker=1")]
    Count(CountArgs),
}

#[derive(Debug, clap::Args)]
struct CountArgs {
    #[command(flatten)]
    app: AppOption,

    /// A number, or group=number
    #[arg(required = true, value_name = "COUNT", value_delimiter = ',', value_parser = count)]
    counts: Vec<(Option<String>, u32)>,

    /// The group that a bare number is about
    #[arg(long, default_value = "app", value_name = "GROUP")]
    process_group: String,

    /// Print the steps and change nothing
    #[arg(long)]
    plan: bool,

    /// Ask nothing; this command never does, and flyctl's scripts say so
    #[arg(short, long)]
    yes: bool,

    /// Do not wait for the machines
    #[arg(long)]
    detach: bool,
}

fn count(text: &str) -> Result<(Option<String>, u32), String> {
    let (group, number) = match text.split_once('=') {
        Some((group, number)) => (Some(group.to_owned()), number),
        None => (None, text),
    };
    let number = number.parse().map_err(|_| format!("\"{number}\" is no number of machines"))?;
    Ok((group, number))
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let Command::Count(args) = args.command;
    let app = context.app(&args.app)?;
    let group = |name: Option<String>| name.unwrap_or_else(|| args.process_group.clone());
    let counts: BTreeMap<String, u32> = args.counts.into_iter().map(|(g, n)| (group(g), n)).collect();
    let api = context.api()?;
    let request = Scale { counts, plan_only: args.plan };
    let answer = api.scale(&app, &request).await.or_next(format!("roost status --app {app}"))?;
    watch::follow(&api, &app, answer, args.detach, context).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_bare_or_of_a_group() {
        assert_eq!(count("3"), Ok((None, 3)));
        assert_eq!(count("web=2"), Ok((Some("web".to_owned()), 2)));
        assert!(count("web=many").unwrap_err().contains("many"));
    }
}

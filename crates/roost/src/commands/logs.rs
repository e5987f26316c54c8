//! `roost logs`: what an app's machines wrote, and what the platform says of them.

use roost_api_types::LogLine;
use roost_client::LogsQuery;
use roost_model::MachineId;

use super::context::Context;
use crate::cli::AppOption;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost logs                        the last lines, then new ones as they come
  roost logs --no-tail --lines 500
  roost logs --machine 91851e3c0d7f48 --json")]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// Only this machine's lines
    #[arg(short, long, alias = "instance", value_name = "ID")]
    machine: Option<MachineId>,

    /// Print what there is and exit
    #[arg(short, long)]
    no_tail: bool,

    /// How many earlier lines to print
    #[arg(long, default_value_t = 100, value_name = "N")]
    lines: u32,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let query = LogsQuery { machine: args.machine, tail: args.lines, follow: !args.no_tail };
    let mut lines = context.api()?.logs(&app, &query).await?;
    while let Some(line) = lines.next().await? {
        context.output.line(&line, text)?;
    }
    Ok(())
}

/// `2026-01-02T03:04:05.678Z app[91851e3c0d7f48] fra [stderr] message`
pub fn text(line: &LogLine) -> String {
    let LogLine { timestamp, process, machine, region, stream, message, .. } = line;
    let process = if process.is_empty() { "machine" } else { process };
    format!("{timestamp:.3} {process}[{machine}] {region} [{stream}] {message}")
}

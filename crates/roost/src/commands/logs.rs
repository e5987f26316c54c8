//! `roost logs`: what an app's machines wrote, and what the platform says of them.

use std::time::Duration;

use roost_api_types::{ErrorCode, LogLine};
use roost_client::{ApiClient, ClientError, LogsQuery};
use roost_model::{AppName, MachineId};

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

/// Asks again when the stream ends while it is followed: the server may be restarted in the middle.
const RECONNECTS: u32 = 60;
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let api = context.api()?;
    let follow = !args.no_tail;
    let mut query = LogsQuery { machine: args.machine, tail: args.lines, after: None, follow };
    let mut tries = 0;
    loop {
        match print(&api, &app, &mut query, &mut tries, context).await {
            Ok(Ok(())) if !follow => return Ok(()),
            Ok(Err(error)) if !follow || is_final(&error) || tries >= RECONNECTS => {
                return Err(error.into());
            }
            Ok(_) if tries >= RECONNECTS => anyhow::bail!("the server ended the log again and again"),
            Ok(_) => {
                tries += 1;
                tokio::time::sleep(RECONNECT_AFTER).await;
            }
            Err(output) => return Err(output),
        }
    }
}

/// A server that starts again answers before its host does.
fn is_final(error: &ClientError) -> bool {
    error.code().is_some_and(|code| code != ErrorCode::Unavailable)
}

/// Prints until the stream ends or breaks. `query` goes on after the last line that was printed.
async fn print(
    api: &ApiClient,
    app: &AppName,
    query: &mut LogsQuery,
    tries: &mut u32,
    context: &Context,
) -> anyhow::Result<Result<(), ClientError>> {
    let mut lines = match api.logs(app, query).await {
        Ok(lines) => lines,
        Err(error) => return Ok(Err(error)),
    };
    loop {
        match lines.next().await {
            Ok(Some(line)) => {
                *tries = 0;
                query.after = Some(line.cursor);
                context.output.line(&line, text)?;
            }
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// `2026-01-02T03:04:05.678Z app[91851e3c0d7f48] fra [stderr] message`
pub fn text(line: &LogLine) -> String {
    let LogLine { timestamp, process, machine, region, stream, message, .. } = line;
    let process = if process.is_empty() { "machine" } else { process };
    format!("{timestamp:.3} {process}[{machine}] {region} [{stream}] {message}")
}

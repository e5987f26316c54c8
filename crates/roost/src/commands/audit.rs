//! `roost audit`: who did what.

use roost_api_types::AuditEntry;

use super::context::Context;
use crate::{failure::OrNext as _, output::Table};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost audit --org acme
  roost audit --limit 500 --json")]
pub struct Args {
    /// Calls about this org and its apps; without it those of the whole server, for its administrators
    #[arg(short, long, value_name = "SLUG")]
    org: Option<String>,
    /// How many, newest first
    #[arg(short = 'n', long, default_value_t = 50)]
    limit: u32,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let entries = context.api()?.audit(args.org.as_deref(), args.limit).await.or_next("roost orgs list")?;
    context.output.result(&entries, |entries| table(entries))?;
    Ok(())
}

fn table(entries: &[AuditEntry]) -> String {
    let mut table = Table::new(["TIME", "WHO", "TOKEN", "FROM", "CALL", "RESULT"]);
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    for entry in entries {
        table.row([
            entry.at.chars().take(19).collect::<String>().replace('T', " "),
            or_dash(&entry.user),
            entry.token_name.clone(),
            or_dash(&entry.from),
            format!("{} {}", entry.method, entry.path),
            entry.status.map_or_else(|| "unknown".to_owned(), |status| status.to_string()),
        ]);
    }
    table.to_string()
}

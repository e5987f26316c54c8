//! `roost secrets`: sets, lists and unsets an app's secrets. Values go in; they never come out.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
};

use anyhow::Context as _;
use roost_api_types::{SecretList, UpdateSecrets};

use super::{context::Context, deploy::watch};
use crate::{
    cli::AppOption,
    failure::OrNext as _,
    output::{Table, age},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A change restarts the app's machines one after another, unless --stage is given; then the next deploy applies it.

Examples:
  roost secrets set DATABASE_URL=postgres://db/app SESSION_KEY=-     (reads the value from stdin)
  roost secrets import < .env
  roost secrets unset SESSION_KEY")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Set secrets
    Set {
        /// NAME=VALUE; NAME=- reads the value from stdin
        #[arg(required = true, value_name = "NAME=VALUE")]
        pairs: Vec<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Set secrets from lines of NAME=VALUE on stdin
    Import {
        #[command(flatten)]
        change: Change,
    },
    /// List names, digests and times
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        app: AppOption,
    },
    /// Unset secrets
    Unset {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        change: Change,
    },
}

/// Whose secrets change, and what happens to its machines.
#[derive(Debug, clap::Args)]
struct Change {
    #[command(flatten)]
    app: AppOption,
    /// Leave running machines alone; the next deploy applies the change
    #[arg(long)]
    stage: bool,
    /// Do not wait for the restarts
    #[arg(long)]
    detach: bool,
}

/// Largest input of `import`; values of some kilobytes each are common, certificates among them.
const MAX_INPUT: u64 = 1 << 20;

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Command::List { app } => list(&app, context).await,
        Command::Set { pairs, change } => apply(set(&pairs)?, change, context).await,
        Command::Import { change } => apply(dotenv(&stdin()?)?, change, context).await,
        Command::Unset { names, change } => {
            let unset = names.into_iter().map(|name| (name, None)).collect();
            apply(unset, change, context).await
        }
    }
}

/// Names with their new values; `None` unsets.
type Changes = BTreeMap<String, Option<String>>;

async fn list(app: &AppOption, context: &Context) -> anyhow::Result<()> {
    let app = context.app(app)?;
    let secrets = context.api()?.secrets(&app).await?;
    context.output.result(&secrets, table)?;
    Ok(())
}

fn table(list: &SecretList) -> String {
    let mut table = Table::new(["NAME", "DIGEST", "UPDATED"]);
    for secret in &list.secrets {
        table.row([secret.name.clone(), secret.digest.clone(), age(secret.updated_at)]);
    }
    let staged = list.version != list.deployed_version && !list.secrets.is_empty();
    let staged = if staged { "machines do not have the newest values yet\nnext: roost deploy\n" } else { "" };
    format!("{table}{staged}")
}

async fn apply(values: Changes, change: Change, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&change.app)?;
    let api = context.api()?;
    let update = UpdateSecrets { values, deploy: !change.stage };
    let updated =
        api.update_secrets(&app, &update).await.or_next(format!("roost secrets list --app {app}"))?;
    context.progress.note(format!("secrets of {app} are at version {}", updated.version));
    match updated.deploy {
        Some(deploy) => watch::until_done(&api, deploy, change.detach, context).await,
        None => {
            context.output.result(&updated.secrets, |_| "no machine was restarted".to_owned())?;
            Ok(())
        }
    }
}

fn set(pairs: &[String]) -> anyhow::Result<Changes> {
    pairs
        .iter()
        .map(|pair| {
            let (name, value) = split(pair)?;
            let value =
                if value == "-" { stdin()?.trim_end_matches('\n').to_owned() } else { value.to_owned() };
            Ok((name, Some(value)))
        })
        .collect()
}

fn split(pair: &str) -> anyhow::Result<(String, &str)> {
    // The pair itself is not shown: it may be a value whose name was forgotten.
    let (name, value) = pair.split_once('=').context("a secret is written NAME=VALUE")?;
    Ok((name.trim().to_owned(), value))
}

/// Lines of NAME=VALUE; `#` begins a comment, quotes around a value are taken off, and `"""` holds
/// a value of several lines.
fn dotenv(text: &str) -> anyhow::Result<Changes> {
    let mut changes = Changes::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = || format!("line {}", number + 1);
        let (name, value) = split(line.strip_prefix("export ").unwrap_or(line)).with_context(place)?;
        let value = match value.trim().strip_prefix("\"\"\"") {
            Some(first) => several_lines(first, &mut lines).with_context(place)?,
            None => unquoted(value.trim()).to_owned(),
        };
        changes.insert(name, Some(value));
    }
    Ok(changes)
}

fn several_lines<'a>(
    first: &str,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
) -> anyhow::Result<String> {
    let mut value = first.to_owned();
    loop {
        if let Some(end) = value.strip_suffix("\"\"\"") {
            return Ok(end.to_owned());
        }
        let (_, line) = lines.next().context("the value that begins here has no closing \"\"\"")?;
        if !value.is_empty() {
            value.push('\n');
        }
        value.push_str(line);
    }
}

fn unquoted(value: &str) -> &str {
    let inside = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

fn stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX_INPUT + 1).read_to_string(&mut text);
    let read = read.context("cannot read stdin")?;
    anyhow::ensure!(read as u64 <= MAX_INPUT, "stdin holds more than {MAX_INPUT} bytes");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotenv_file_is_read_with_quotes_and_comments() {
        let text = "# settings\nA=1\nexport B=\"two words\"\n\nC='x=y'\nD=\"\"\"first\nsecond\"\"\"\nE=\n";
        let changes = dotenv(text).unwrap();
        let value = |name: &str| changes[name].clone().unwrap();
        assert_eq!((value("A"), value("B"), value("C")), ("1".into(), "two words".into(), "x=y".into()));
        assert_eq!(value("D"), "first\nsecond");
        assert_eq!(value("E"), "");
    }

    #[test]
    fn a_forgotten_name_is_not_shown() {
        let error = set(&["hunter2".to_owned()]).unwrap_err();
        assert!(!format!("{error:#}").contains("hunter2"));
        assert!(dotenv("A=1\nnonsense\n").unwrap_err().to_string().contains("line 2"));
    }
}

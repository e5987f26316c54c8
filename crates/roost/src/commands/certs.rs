//! `roost certs`: an app's own names and their certificates.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use roost_api_types::{CertificateDetail, CertificateStatus, CertificateSummary, ImportCertificate};
use roost_model::AppName;
use serde_json::json;

use super::{confirm::confirm, context::Context};
use crate::{
    cli::AppOption,
    failure::OrNext as _,
    output::{Table, age},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A name that is added leads to the app as soon as its DNS leads to this server. Its certificate is issued then, if
roost.toml names an authority ([acme]), and renewed by itself; `check` says what is missing.

Examples:
  roost certs add www.example.com --app hello
  roost certs check www.example.com --app hello
  roost certs import www.example.com --fullchain chain.pem --private-key key.pem --app hello")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Give a name to the app, and have a certificate issued for it
    #[command(visible_alias = "create")]
    Add(One),
    /// List the app's names
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        app: AppOption,
    },
    /// Look the name's DNS up anew, and show what is missing
    Check(One),
    /// Show a name and its certificates
    Show(One),
    /// Use a certificate of your own; its name becomes the app's
    Import(Import),
    /// Take a name and its certificates from the app
    #[command(visible_aliases = ["delete", "rm"])]
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct One {
    /// Host name; `*.example.com` stands for every name with one more label
    hostname: String,
    #[command(flatten)]
    app: AppOption,
}

#[derive(Debug, clap::Args)]
struct Import {
    #[command(flatten)]
    one: One,
    /// File with the certificate and those that it is signed by, in PEM
    #[arg(long, value_name = "FILE")]
    fullchain: PathBuf,
    /// File with its private key in PEM, not encrypted; - reads stdin
    #[arg(long, value_name = "FILE")]
    private_key: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    one: One,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Largest file that is sent; chains and keys have some kilobytes.
const MAX_FILE: u64 = 1 << 20;

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Command::Add(one) => add(one, context).await,
        Command::List { app } => list(&app, context).await,
        Command::Check(one) => check(one, context).await,
        Command::Show(one) => show(one, context).await,
        Command::Import(args) => import(args, context).await,
        Command::Remove(args) => remove(args, context).await,
    }
}

async fn add(one: One, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&one.app)?;
    let added = context.api()?.request_certificate(&app, &one.hostname).await;
    let added = added.or_next(format!("roost certs list --app {app}"))?;
    context.output.result(&added, |added| detail(&app, added))?;
    Ok(())
}

async fn list(app: &AppOption, context: &Context) -> anyhow::Result<()> {
    let app = context.app(app)?;
    let api = context.api()?;
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.certificates(&app, &cursor).await?;
        names.extend(page.certificates);
        cursor = page.next_cursor;
        if cursor.is_empty() {
            break;
        }
    }
    context.output.result(&names, |names| table(names))?;
    Ok(())
}

fn table(names: &[CertificateSummary]) -> String {
    let mut table = Table::new(["NAME", "STATUS", "CERTIFICATE", "DNS", "ADDED"]);
    for name in names {
        let source = match (name.has_custom_certificate, name.has_fly_certificate) {
            (true, _) => "imported",
            (false, true) => "issued",
            (false, false) => "-",
        };
        let dns = if name.configured { "leads here" } else { "does not lead here" };
        let status = status(name.status).to_owned();
        table.row([name.hostname.clone(), status, source.into(), dns.into(), age(name.created_at)]);
    }
    table.to_string()
}

async fn check(one: One, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&one.app)?;
    let checked = context.api()?.check_certificate(&app, &one.hostname).await;
    let checked = checked.or_next(format!("roost certs list --app {app}"))?;
    context.output.result(&checked, |checked| detail(&app, checked))?;
    Ok(())
}

async fn show(one: One, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&one.app)?;
    let found = context.api()?.certificate(&app, &one.hostname).await;
    let found = found.or_next(format!("roost certs list --app {app}"))?;
    context.output.result(&found, |found| detail(&app, found))?;
    Ok(())
}

async fn import(args: Import, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.one.app)?;
    let import = ImportCertificate {
        hostname: args.one.hostname,
        fullchain: file(&args.fullchain)?,
        private_key: file(&args.private_key)?,
    };
    let imported = context.api()?.import_certificate(&app, &import).await;
    let imported = imported.or_next("roost certs import --help")?;
    context.output.result(&imported, |imported| detail(&app, imported))?;
    Ok(())
}

async fn remove(args: Remove, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.one.app)?;
    let hostname = args.one.hostname;
    if !args.yes {
        confirm(&format!("Remove {hostname} and its certificates from {app}?"))?;
    }
    let removed = context.api()?.remove_certificate(&app, &hostname).await;
    removed.or_next(format!("roost certs list --app {app}"))?;
    context
        .output
        .result(&json!({ "removed": hostname }), |_| format!("{hostname} is no name of {app} now"))?;
    Ok(())
}

fn file(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().lock().take(MAX_FILE).read_to_string(&mut text),
        false => std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text)),
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

fn status(status: CertificateStatus) -> &'static str {
    match status {
        CertificateStatus::Active => "active",
        CertificateStatus::PendingOwnership => "waits for proof of ownership",
        CertificateStatus::PendingValidation => "waits to be issued",
    }
}

/// What there is, what is missing, and what to do.
fn detail(app: &AppName, found: &CertificateDetail) -> String {
    let mut lines = vec![format!("{} of {app}: {}", found.hostname, status(found.status))];
    for entry in &found.certificates {
        let kind = if entry.source == "custom" { "imported" } else { "issued by the platform" };
        match entry.expires_at {
            Some(expires) => lines.push(format!("  {kind}: from {}, good until {expires}", entry.issuer)),
            None => lines.push(format!("  {kind}: not there yet")),
        }
    }
    if !found.configured {
        let wants = &found.dns_requirements;
        let addresses = [wants.a.clone(), wants.aaaa.clone()].concat().join(", ");
        lines
            .push(format!("  DNS: make it a CNAME to {}, or give it the addresses {addresses}", wants.cname));
    }
    let challenge = &found.dns_requirements.acme_challenge;
    if !challenge.name.is_empty() {
        lines
            .push(format!("  or, to prove it by DNS: {} as a CNAME to {}", challenge.name, challenge.target));
    }
    for error in &found.validation_errors {
        lines.push(format!("  {}: {}", error.code, error.message));
        if !error.remediation.is_empty() {
            lines.push(format!("    next: {}", error.remediation));
        }
    }
    lines.extend(found.warning.iter().map(|warning| format!("  note: {warning}")));
    lines.push(String::new());
    lines.join("\n")
}

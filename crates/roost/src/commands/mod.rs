//! The commands, one file each, and what they share: where the API is, how to show a result.

pub mod apps;
pub mod audit;
pub mod auth;
pub mod certs;
pub mod completions;
mod confirm;
mod context;
pub mod deploy;
pub mod doctor;
pub mod env;
pub mod ips;
pub mod launch;
pub mod logs;
pub mod machine;
pub mod orgs;
pub mod releases;
pub mod rollback;
pub mod scale;
pub mod secrets;
pub mod server;
pub mod status;
pub mod tokens;
pub mod volumes;

use std::process::ExitCode;

use anyhow::Context as _;

use self::context::Context;
use crate::cli::{Cli, Command};

/// Runs the command that was typed.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    let result = runtime.block_on(dispatch(cli));
    // A read of stdin, or a name lookup, may still sit in a thread; nothing waits for it.
    runtime.shutdown_background();
    result
}

async fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let context = Context::new(cli.global.clone());
    match cli.command {
        Command::Server(args) => server::run(args, &cli.global).await?,
        Command::Launch(args) => launch::run(args, &context).await?,
        Command::Deploy(args) => deploy::run(*args, &context).await?,
        Command::Apps(args) => apps::run(args, &context).await?,
        Command::Status(args) => status::run(args, &context).await?,
        Command::Logs(args) => logs::run(args, &context).await?,
        Command::Releases(args) => releases::run(args, &context).await?,
        Command::Rollback(args) => rollback::run(args, &context).await?,
        Command::Machine(args) => return machine::run(args, &context).await,
        Command::Volumes(args) => volumes::run(args, &context).await?,
        Command::Secrets(args) => secrets::run(args, &context).await?,
        Command::Certs(args) => certs::run(args, &context).await?,
        Command::Ips(args) => ips::run(args, &context).await?,
        Command::Scale(args) => scale::run(args, &context).await?,
        Command::Auth(args) => auth::run(args, &context).await?,
        Command::Tokens(args) => tokens::run(args, &context).await?,
        Command::Orgs(args) => orgs::run(args, &context).await?,
        Command::Audit(args) => audit::run(args, &context).await?,
        Command::Env(args) => env::run(args, &context)?,
        Command::Doctor(args) => return doctor::run(args, &context).await,
        Command::Completions(args) => completions::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

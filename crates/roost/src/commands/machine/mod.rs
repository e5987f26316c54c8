//! `roost machine`: lists and operates machines.

mod act;
mod exec;
mod list;
mod status;
mod terminal;

use std::process::ExitCode;

pub use list::table;

use super::context::Context;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost machine list
  roost machine status 91851e3c0d7f48
  roost machine exec 91851e3c0d7f48 sh
  roost machine restart 91851e3c0d7f48")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List an app's machines
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// Show one machine with its checks and events
    Status(status::Args),
    /// Start stopped machines
    Start(act::Args),
    /// Stop machines; they keep their ids and can be started again
    Stop(act::StopArgs),
    /// Suspend machines; a start goes on from the memory that is kept
    Suspend(act::Args),
    /// Stop and start machines
    Restart(act::StopArgs),
    /// Run a command in a machine
    Exec(exec::Args),
    /// Destroy machines for good
    #[command(visible_aliases = ["remove", "rm"])]
    Destroy(act::DestroyArgs),
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List(args) => list::run(args, context).await?,
        Command::Status(args) => status::run(args, context).await?,
        Command::Start(args) => act::start(args, context).await?,
        Command::Stop(args) => act::stop(args, context).await?,
        Command::Suspend(args) => act::suspend(args, context).await?,
        Command::Restart(args) => act::restart(args, context).await?,
        Command::Destroy(args) => act::destroy(args, context).await?,
        Command::Exec(args) => return exec::run(args, context).await,
    }
    Ok(ExitCode::SUCCESS)
}

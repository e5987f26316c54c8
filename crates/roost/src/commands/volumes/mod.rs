//! `roost volumes`: lists, makes, changes and destroys volumes.

mod change;
mod create;
mod list;
mod snapshots;

use super::context::Context;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost volumes list --app hello
  roost volumes create data --size 10 --app hello
  roost volumes extend vol_4x1p3zr7m2k9qd0a --size 20 --app hello
  roost volumes fork vol_4x1p3zr7m2k9qd0a --app hello
  roost volumes snapshots list vol_4x1p3zr7m2k9qd0a --app hello
  roost volumes create data --snapshot-id vs_8c2m5tq0w6n1x4yb --app hello")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List an app's volumes
    #[command(visible_alias = "ls")]
    List(list::Args),
    /// Show one volume
    Show(list::ShowArgs),
    /// Make a volume, empty or from a snapshot
    Create(create::Args),
    /// Make a volume that holds what another one holds now
    Fork(create::ForkArgs),
    /// Make a volume larger; it never gets smaller
    Extend(change::ExtendArgs),
    /// Change how a volume's snapshots are kept
    Update(change::UpdateArgs),
    /// Destroy volumes; their disks are kept for a while
    #[command(visible_aliases = ["delete", "remove", "rm"])]
    Destroy(change::DestroyArgs),
    /// Have a destroyed volume back while its disk is kept
    Undestroy(list::ShowArgs),
    /// List and take snapshots
    #[command(visible_aliases = ["snapshot", "snaps"])]
    Snapshots(snapshots::Args),
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Command::List(args) => list::run(args, context).await,
        Command::Show(args) => list::show(args, context).await,
        Command::Create(args) => create::run(args, context).await,
        Command::Fork(args) => create::fork(args, context).await,
        Command::Extend(args) => change::extend(args, context).await,
        Command::Update(args) => change::update(args, context).await,
        Command::Destroy(args) => change::destroy(args, context).await,
        Command::Undestroy(args) => change::undestroy(args, context).await,
        Command::Snapshots(args) => snapshots::run(args, context).await,
    }
}

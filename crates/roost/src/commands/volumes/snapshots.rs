//! `roost volumes snapshots`.

use roost_api_types::VolumeSnapshot;

use super::list::ShowArgs;
use crate::{
    commands::context::Context,
    failure::OrNext as _,
    output::{Table, age},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost volumes snapshots list vol_4x1p3zr7m2k9qd0a --app hello
  roost volumes snapshots create vol_4x1p3zr7m2k9qd0a --app hello")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List a volume's snapshots, newest first; also of one that is gone
    #[command(visible_alias = "ls")]
    List(ShowArgs),
    /// Take a snapshot now
    Create(ShowArgs),
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    match args.command {
        Command::List(args) => list(args, context).await,
        Command::Create(args) => create(args, context).await,
    }
}

async fn list(args: ShowArgs, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let snapshots = context.api()?.volume_snapshots(&app, &args.volume).await;
    let snapshots = snapshots.or_next(format!("roost volumes list --app {app}"))?;
    context.output.result(&snapshots, |snapshots| table(snapshots))?;
    Ok(())
}

async fn create(args: ShowArgs, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let snapshot = context.api()?.snapshot_volume(&app, &args.volume).await;
    let snapshot = snapshot.or_next(format!("roost volumes show {} --app {app}", args.volume))?;
    context.output.result(&snapshot, |snapshot| {
        let id = &args.volume;
        format!(
            "snapshot {} is being taken\nnext: roost volumes snapshots list {id} --app {app}",
            snapshot.id
        )
    })?;
    Ok(())
}

fn table(snapshots: &[VolumeSnapshot]) -> String {
    let mut table = Table::new(["ID", "STATUS", "HOLDS", "VOLUME", "KEPT", "CREATED"]);
    for snapshot in snapshots {
        let status = match &snapshot.problem {
            Some(problem) => format!("{}: {problem}", snapshot.status),
            None => snapshot.status.to_string(),
        };
        table.row([
            snapshot.id.to_string(),
            status,
            format!("{} MB", snapshot.size.div_ceil(1 << 20)),
            format!("{} GB", snapshot.volume_size >> 30),
            format!("{} days", snapshot.retention_days),
            age(snapshot.created_at),
        ]);
    }
    table.to_string()
}

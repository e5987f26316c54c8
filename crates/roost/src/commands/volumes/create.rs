//! `roost volumes create` and `fork`.

use roost_api_types::{CreateVolume, Volume};
use roost_model::{SnapshotId, VolumeId, VolumeName};

use super::list::describe;
use crate::{cli::AppOption, commands::context::Context, failure::OrNext as _};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// Name: up to 30 lower-case letters, digits and underscores
    name: VolumeName,

    /// Size in GB [default: 1, or that of the snapshot's volume]
    #[arg(short, long, value_name = "GB")]
    size: Option<u32>,

    /// Region that it is in
    #[arg(short, long, value_name = "CODE")]
    region: Option<String>,

    /// How many volumes to make
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    count: u32,

    /// Days that snapshots are kept, 1 to 60 [default: 5]
    #[arg(long, value_name = "DAYS")]
    snapshot_retention: Option<u32>,

    /// Take a snapshot every day [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    scheduled_snapshots: Option<bool>,

    /// Restore this snapshot into it
    #[arg(long, value_name = "ID")]
    snapshot_id: Option<SnapshotId>,
}

#[derive(Debug, clap::Args)]
pub struct ForkArgs {
    #[command(flatten)]
    app: AppOption,

    /// The volume to fork
    #[arg(value_name = "ID")]
    volume: VolumeId,

    /// Name of the new volume [default: the same]
    #[arg(short, long)]
    name: Option<VolumeName>,

    /// Region that it is in
    #[arg(short, long, value_name = "CODE")]
    region: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    let create = CreateVolume {
        name: args.name.to_string(),
        region: args.region,
        size_gb: args.size,
        snapshot_id: args.snapshot_id.map(|id| id.to_string()),
        snapshot_retention: args.snapshot_retention,
        auto_backup_enabled: args.scheduled_snapshots,
        ..CreateVolume::default()
    };
    let mut made: Vec<Volume> = Vec::new();
    for _ in 0..args.count {
        let volume = api.create_volume(&app, &create).await;
        made.push(volume.or_next(format!("roost volumes list --app {app}"))?);
    }
    // One is shown as one, as other tools do.
    match made.as_slice() {
        [volume] => context.output.result(volume, describe)?,
        volumes => context
            .output
            .result(&volumes, |volumes| volumes.iter().map(describe).collect::<Vec<_>>().join("\n\n"))?,
    }
    Ok(())
}

pub async fn fork(args: ForkArgs, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    let list = || format!("roost volumes list --app {app}");
    let name = match args.name {
        Some(name) => name,
        None => api.volume(&app, &args.volume).await.or_next(list())?.name,
    };
    let create = CreateVolume {
        name: name.to_string(),
        region: args.region,
        source_volume_id: Some(args.volume.to_string()),
        ..CreateVolume::default()
    };
    let volume = api.create_volume(&app, &create).await.or_next(list())?;
    context.output.result(&volume, describe)?;
    Ok(())
}

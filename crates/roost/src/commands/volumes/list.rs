//! `roost volumes list` and `show`.

use roost_api_types::Volume;
use roost_model::{VolumeId, VolumeState};

use crate::{
    cli::AppOption,
    commands::context::Context,
    failure::OrNext as _,
    output::{Table, age},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    app: AppOption,

    /// Also destroyed ones whose disks are kept
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub app: AppOption,

    /// The volume
    #[arg(value_name = "ID")]
    pub volume: VolumeId,
}

pub async fn run(args: Args, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let mut volumes = context.api()?.volumes(&app).await?;
    volumes.retain(|volume| args.all || volume.state != VolumeState::PendingDestroy);
    context.output.result(&volumes, |volumes| table(volumes))?;
    Ok(())
}

fn table(volumes: &[Volume]) -> String {
    let mut table =
        Table::new(["ID", "NAME", "STATE", "SIZE", "USED", "REGION", "ENCRYPTED", "MACHINE", "CREATED"]);
    for volume in volumes {
        table.row([
            volume.id.to_string(),
            volume.name.to_string(),
            volume.state.to_string(),
            format!("{} GB", volume.size_gb),
            used(volume),
            volume.region.to_string(),
            if volume.encrypted { "yes" } else { "no" }.to_owned(),
            volume.attached_machine_id.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            age(volume.created_at),
        ]);
    }
    table.to_string()
}

fn used(volume: &Volume) -> String {
    match volume.bytes_total {
        0 => "-".to_owned(),
        total => format!("{} %", volume.bytes_used.saturating_mul(100) / total),
    }
}

pub async fn show(args: ShowArgs, context: &Context) -> anyhow::Result<()> {
    let app = context.app(&args.app)?;
    let volume = context.api()?.volume(&app, &args.volume).await;
    let volume = volume.or_next(format!("roost volumes list --app {app}"))?;
    context.output.result(&volume, describe)?;
    Ok(())
}

/// A volume, a line for each of its properties.
pub fn describe(volume: &Volume) -> String {
    let machine = volume.attached_machine_id.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let snapshots = if volume.auto_backup_enabled { "daily" } else { "only when asked for" };
    let mut lines = vec![
        format!("id          {}", volume.id),
        format!("name        {}", volume.name),
        format!("state       {}", volume.state),
        format!("size        {} GB, {} used", volume.size_gb, used(volume)),
        format!("region      {} (host {})", volume.region, volume.zone),
        format!("encrypted   {}", if volume.encrypted { "yes" } else { "no" }),
        format!("machine     {machine}"),
        format!("snapshots   {snapshots}, kept {} days", volume.snapshot_retention),
        format!("created     {}", age(volume.created_at)),
    ];
    lines.extend(volume.destroy_at.map(|at| format!("removed at  {at}")));
    lines.extend(volume.problem.as_ref().map(|problem| format!("problem     {problem}")));
    lines.join("\n")
}

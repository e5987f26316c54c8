//! `roost volumes extend`, `update`, `destroy` and `undestroy`.

use roost_api_types::UpdateVolume;
use roost_model::VolumeId;

use super::list::{ShowArgs, describe};
use crate::{
    cli::AppOption,
    commands::{confirm::confirm, context::Context},
    failure::OrNext as _,
};

#[derive(Debug, clap::Args)]
pub struct ExtendArgs {
    #[command(flatten)]
    app: AppOption,

    /// The volume
    #[arg(value_name = "ID")]
    volume: VolumeId,

    /// New size in GB
    #[arg(short, long, value_name = "GB")]
    size: u32,
}

#[derive(Debug, clap::Args)]
pub struct UpdateArgs {
    #[command(flatten)]
    app: AppOption,

    /// The volume
    #[arg(value_name = "ID")]
    volume: VolumeId,

    /// Days that snapshots are kept, 1 to 60
    #[arg(long, value_name = "DAYS")]
    snapshot_retention: Option<u32>,

    /// Take a snapshot every day
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    scheduled_snapshots: Option<bool>,
}

#[derive(Debug, clap::Args)]
pub struct DestroyArgs {
    #[command(flatten)]
    app: AppOption,

    /// The volumes
    #[arg(required = true, value_name = "ID")]
    volumes: Vec<VolumeId>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub async fn extend(args: ExtendArgs, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    let extended = api.extend_volume(&app, &args.volume, args.size).await;
    let extended = extended.or_next(format!("roost volumes show {} --app {app}", args.volume))?;
    context.output.result(&extended, |extended| {
        let text = describe(&extended.volume);
        match &extended.volume.attached_machine_id {
            Some(machine) if extended.needs_restart => {
                format!("{text}\nnext: roost machine restart {machine} --app {app}, to use the new size")
            }
            _ => text,
        }
    })?;
    Ok(())
}

pub async fn update(args: UpdateArgs, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    let update = UpdateVolume {
        snapshot_retention: args.snapshot_retention,
        auto_backup_enabled: args.scheduled_snapshots,
    };
    let volume = api.update_volume(&app, &args.volume, &update).await;
    let volume = volume.or_next(format!("roost volumes show {} --app {app}", args.volume))?;
    context.output.result(&volume, describe)?;
    Ok(())
}

pub async fn destroy(args: DestroyArgs, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    for id in &args.volumes {
        if !args.yes {
            confirm(&format!("Destroy volume {id} of {app}?"))?;
        }
        let step = context.progress.step(format!("Destroying {id}"));
        let destroyed = api.destroy_volume(&app, id).await;
        destroyed.or_next(format!("roost volumes show {id} --app {app}"))?;
        step.done(&format!("destroyed; roost volumes undestroy {id} --app {app} brings it back for a while"));
    }
    Ok(())
}

pub async fn undestroy(args: ShowArgs, context: &Context) -> anyhow::Result<()> {
    let (app, api) = (context.app(&args.app)?, context.api()?);
    let volume = api.undestroy_volume(&app, &args.volume).await;
    let volume = volume.or_next(format!("roost volumes list --all --app {app}"))?;
    context.output.result(&volume, describe)?;
    Ok(())
}

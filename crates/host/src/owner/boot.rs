//! From a recorded wish to a running guest: the steps in their order, each repeatable.

use std::{path::Path, sync::Arc, time::Duration};

use roost_guest_api::{ExitReport, serial};
use roost_images::ImageError;
use roost_model::{Guest, InvalidGuest};
use roost_netdev::{Link, NetError};
use roost_vmm::{Disk, DiskRate, Nic, VmSpec, VmmError};
use tokio::{task::spawn_blocking, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{activity::Running, establish::establish};
use crate::{
    context::Context,
    place, primed,
    record::Record,
    request::kernel_args,
    run_config::RunConfigError,
    scratch::{Kind, ScratchError},
    seams::Vm,
    secrets::NotOpened,
    step::Step,
};

/// Why a machine did not start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error("the image can not be used: {0}")]
    Image(#[from] ImageError),
    #[error(transparent)]
    Size(#[from] InvalidGuest),
    #[error(transparent)]
    Config(#[from] RunConfigError),
    #[error(transparent)]
    Secrets(#[from] NotOpened),
    #[error("the machine could not be set up: {0}")]
    Setup(String),
    #[error(transparent)]
    Scratch(#[from] ScratchError),
    #[error("the volume can not be used: {0}")]
    Volume(roost_host_api::ErrorBody),
    #[error("the network could not be set up: {}", chain(.0))]
    Network(#[from] NetError),
    #[error("the VMM could not be started: {}", chain(.0))]
    Vmm(#[from] VmmError),
    #[error("the machine did not start within {secs} s; its console ends with:\n{console}")]
    Overdue { secs: u64, console: String },
    #[error("the VMM ended while the machine booted ({how}); its console ends with:\n{console}")]
    VmEnded { how: String, console: String },
    /// What was kept of its memory can not be used.
    #[error("{0}")]
    NotResumed(String),
    #[error("the boot was given up")]
    Cancelled,
    #[error("the host failed: {0}")]
    Panicked(String),
    /// The processes ran, and ended before anybody heard that they started.
    #[error("the machine exited at once")]
    Exited(ExitReport, Box<Running>),
}

impl BootError {
    /// Another try of the same can do no better: image or configuration have to change.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Image(error) => !error.is_disk_full(),
            Self::Size(_) | Self::Config(_) | Self::Secrets(_) | Self::Setup(_) => true,
            Self::Scratch(_) | Self::Volume(_) | Self::Network(_) | Self::Vmm(_) => false,
            Self::Overdue { .. }
            | Self::VmEnded { .. }
            | Self::NotResumed(_)
            | Self::Cancelled
            | Self::Panicked(_)
            | Self::Exited(..) => false,
        }
    }
}

/// Boots a machine from nothing. Given up half-way it leaves what [`super::release`] removes.
pub async fn boot(
    ctx: Arc<Context>,
    record: Record,
    cancel: CancellationToken,
) -> Result<Running, BootError> {
    let guest = record.spec.config.guest()?;
    let image = cancel.run_until_cancelled(ensure_image(&ctx, &record)).await;
    let image_disk = image.unwrap_or(Err(BootError::Cancelled))?;
    step(&ctx, &record, &cancel, Step::MakeScratch).await?;
    make_scratch(&ctx, &record).await?;
    step(&ctx, &record, &cancel, Step::AttachVolumes).await?;
    let disks = cancel.run_until_cancelled(disks(&ctx, &record, image_disk)).await;
    let disks = disks.unwrap_or(Err(BootError::Cancelled))?;
    step(&ctx, &record, &cancel, Step::AttachNetwork).await?;
    let (net, kind) = (place::net(&ctx.config, &record), ctx.parts.vmm.link_kind());
    let link = ctx.parts.network.attach(&net, kind).await?;
    step(&ctx, &record, &cancel, Step::SpawnVmm).await?;
    let deadline = Instant::now() + ctx.config.vmm.boot_timeout();
    // The guest needs its link long after its VMM has begun. Both are waited for, whatever becomes of one:
    // nothing may still be made while the release that follows takes it away.
    let spec = vm_spec(&ctx, &record, &guest, disks, link);
    let (opened, started) = tokio::join!(ctx.parts.network.open_link(&net), start(&ctx, &spec));
    opened?;
    let (vm, primed) = started?;
    // The VMM has its own copy of the link.
    drop(spec);
    let established = establish(ctx.clone(), record, vm, deadline, cancel).await;
    if let (Some(kind), Err(BootError::Overdue { .. } | BootError::VmEnded { .. })) = (primed, &established) {
        // The next try does without.
        ctx.primed.give_up(&kind);
    }
    established
}

/// Starts from a copy of a primed guest of the kind that is named then, or else from nothing.
async fn start(ctx: &Context, spec: &VmSpec) -> Result<(Arc<dyn Vm>, Option<primed::Kind>), VmmError> {
    let Some(kind) = primed::Kind::of(spec) else { return Ok((ctx.parts.vmm.spawn(spec).await?, None)) };
    if let Some(folder) = ctx.primed.find(&kind) {
        match start_from(ctx, spec, &folder).await {
            Ok(vm) => return Ok((vm, Some(kind))),
            Err(error) => {
                tracing::warn!(machine = %spec.machine, error = chain(&error), "primed guest not used");
                ctx.primed.give_up(&kind);
                ctx.parts.vmm.remove(&spec.jail).await?;
            }
        }
    }
    let vm = ctx.parts.vmm.spawn(spec).await?;
    ctx.primed.want(kind);
    Ok((vm, None))
}

async fn start_from(ctx: &Context, spec: &VmSpec, primed: &Path) -> Result<Arc<dyn Vm>, VmmError> {
    let vm = ctx.parts.vmm.restore(spec, primed).await?;
    vm.go_on().await?;
    Ok(vm)
}

/// Records the next step, unless the boot is no longer wanted.
pub async fn step(
    ctx: &Context,
    record: &Record,
    cancel: &CancellationToken,
    step: Step,
) -> Result<(), BootError> {
    if cancel.is_cancelled() {
        return Err(BootError::Cancelled);
    }
    ctx.record_step(&record.id, step).await;
    Ok(())
}

/// Makes ready what does not belong to one boot: so that the first start is as fast as the next.
pub async fn prepare(ctx: Arc<Context>, record: Record) -> Result<(), BootError> {
    ensure_image(&ctx, &record).await.map(drop)
}

pub async fn ensure_image(ctx: &Context, record: &Record) -> Result<std::path::PathBuf, BootError> {
    let digest = record.spec.image.digest.as_deref();
    if let Some(image) = digest.and_then(|digest| ctx.parts.images.get(digest)) {
        return Ok(image.disk.clone());
    }
    ctx.record_step(&record.id, Step::EnsureImage).await;
    let began = Instant::now();
    ctx.logs.say(&record.app, &record.id, format!("Pulling image {}", record.spec.image)).await;
    let image = ctx.parts.images.ensure(&record.spec.image).await?;
    let size = image.disk_bytes >> 20;
    let took = began.elapsed();
    ctx.logs.say(&record.app, &record.id, format!("Image is ready: {size} MiB in {}", seconds(took))).await;
    Ok(image.disk.clone())
}

async fn make_scratch(ctx: &Context, record: &Record) -> Result<(), BootError> {
    let folder = place::folder(&ctx.config, &record.id);
    let path = place::scratch(&ctx.config, &record.id);
    let scratch = ctx.scratch.clone();
    let config = &record.spec.config;
    let kind = Kind { persist: config.persist(), size_gb: config.rootfs.as_ref().and_then(|r| r.size_gb) };
    let made = spawn_blocking(move || {
        std::fs::create_dir_all(&folder)
            .map_err(|source| ScratchError::Io { what: "making the machine's folder".to_owned(), source })?;
        scratch.make(&path, kind)
    });
    Ok(made.await.map_err(|e| BootError::Panicked(e.to_string()))??)
}

/// The machine's disks, once its volumes are there; it has no others from here on.
pub async fn disks(
    ctx: &Context,
    record: &Record,
    image_disk: std::path::PathBuf,
) -> Result<Vec<Disk>, BootError> {
    let scratch = place::scratch(&ctx.config, &record.id);
    let mut disks = vec![
        Disk { path: image_disk, read_only: true, serial: serial::IMAGE.to_owned(), rate: None },
        Disk { path: scratch, read_only: false, serial: serial::SCRATCH.to_owned(), rate: None },
    ];
    let rate = record.spec.config.guest().ok().map(|guest| DiskRate::of_volume(&guest));
    let mounts = &record.spec.config.mounts;
    ctx.retry(&record.id, || ctx.volumes.release(&record.id, mounts)).await;
    for mount in mounts {
        let id = ctx.volumes.ready_for(&record.id, mount).await.map_err(BootError::Volume)?;
        let path = ctx.volumes.disk_path(&id);
        disks.push(Disk { path, read_only: false, serial: id.to_string(), rate });
    }
    Ok(disks)
}

/// The machine as its VMM has to know it, at a boot as at a resume.
pub fn vm_spec(ctx: &Context, record: &Record, guest: &Guest, disks: Vec<Disk>, link: Link) -> VmSpec {
    let mac = place::net(&ctx.config, record).mac();
    VmSpec {
        machine: record.id.clone(),
        jail: ctx.jail(record, guest),
        vcpus: guest.cpus,
        memory_mib: guest.memory_mb,
        boot: ctx.parts.boot.clone(),
        kernel_args: kernel_args(&record.spec.config).cloned().collect(),
        disks,
        nic: Some(Nic { mac, link: Some(link) }),
    }
}

/// A duration for people.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// An error with all that is under it, for a log line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

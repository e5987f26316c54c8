//! From kept memory to a guest that goes on: the steps in their order, each repeatable.
//!
//! The same boot goes on: its processes, its scratch disk, the numbers of its log lines. Where that can not be,
//! the machine is started from nothing, and its event says why.

use std::{path::PathBuf, sync::Arc};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Owner,
    activity::{Activity, Boot, Running},
    boot::{BootError, chain, disks, ensure_image, step, vm_spec},
    establish::establish,
    suspend::drop_memory,
};
use crate::{context::Context, memory, place, record::Record, seams::Vm, step::Step};

impl Owner {
    /// Goes on from the memory that is kept, as recorded.
    pub(super) fn resume_now(&mut self) {
        let (ctx, record) = (self.ctx.clone(), self.record.clone());
        self.activity = Activity::Booting(Boot::begin(|cancel| resume(ctx, record, cancel)));
    }
}

async fn resume(ctx: Arc<Context>, record: Record, cancel: CancellationToken) -> Result<Running, BootError> {
    let guest = record.spec.config.guest()?;
    let whole = find_memory(&ctx, &record).map_err(BootError::NotResumed)?;
    let image = cancel.run_until_cancelled(ensure_image(&ctx, &record)).await;
    let image_disk = image.unwrap_or(Err(BootError::Cancelled))?;
    let disks = cancel.run_until_cancelled(disks(&ctx, &record, image_disk)).await;
    let disks = disks.unwrap_or(Err(BootError::Cancelled))?;
    step(&ctx, &record, &cancel, Step::AttachNetwork).await?;
    let (net, kind) = (place::net(&ctx.config, &record), ctx.parts.vmm.link_kind());
    let link = ctx.parts.network.attach(&net, kind).await?;
    step(&ctx, &record, &cancel, Step::RestoreMemory).await?;
    let spec = vm_spec(&ctx, &record, &guest, disks, link);
    // Both are waited for, as at a boot.
    let (opened, restored) =
        tokio::join!(ctx.parts.network.open_link(&net), ctx.parts.vmm.restore(&spec, &whole));
    opened?;
    let vm = restored.map_err(|e| BootError::NotResumed(chain(&e)))?;
    // The VMM has its own copy of the link.
    drop(spec);
    go_on(ctx, record, vm, cancel).await
}

/// From a VMM that holds the memory; also when it ran on already.
pub async fn go_on(
    ctx: Arc<Context>,
    record: Record,
    vm: Arc<dyn Vm>,
    cancel: CancellationToken,
) -> Result<Running, BootError> {
    step(&ctx, &record, &cancel, Step::ResumeGuest).await?;
    let deadline = Instant::now() + ctx.config.vmm.boot_timeout();
    // From here on the scratch disk is ahead of what was kept: that must not be used a second time.
    drop_memory(&ctx, &record).await.map_err(BootError::NotResumed)?;
    vm.go_on().await.map_err(|e| BootError::NotResumed(chain(&e)))?;
    establish(ctx, record, vm, deadline, cancel).await
}

/// The folder of the memory; or what is not as it was.
fn find_memory(ctx: &Context, record: &Record) -> Result<PathBuf, String> {
    let whole = memory::whole(&ctx.config, &record.id);
    if !whole.is_dir() {
        return Err("its memory was used up by a resume that did not come to its end".to_owned());
    }
    let now = ctx.parts.vmm.maker(&ctx.parts.boot);
    let made = record.maker.as_ref().ok_or("an older version of Roost kept it")?;
    if let Some(difference) = made.differs_from(&now) {
        return Err(difference);
    }
    if !place::scratch(&ctx.config, &record.id).is_file() {
        return Err("its scratch disk is gone".to_owned());
    }
    Ok(whole)
}

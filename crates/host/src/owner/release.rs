//! Removes all that a boot may have made. Safe when there is nothing, or only half of it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use roost_model::{Guest, MachineState, machine::Persist};
use tokio::task::spawn_blocking;

use super::{activity::Boot, suspend::drop_memory};
use crate::{
    context::Context,
    place,
    record::Record,
    scratch::{self, ScratchError},
    seams::Vm,
    step::Step,
};

/// Between two tries of a removal that fails; nothing else of the machine can go on without it.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Time that a guest has to unmount and power off after its exit was acknowledged.
const POWER_OFF: Duration = Duration::from_secs(5);

/// What there is to be removed, as far as is known.
pub enum Left {
    /// Anything, or nothing.
    Unknown,
    /// A boot that has to end first.
    Boot(Boot),
    /// A VMM that is about to end by itself: its guest powers off.
    PoweringOff(Arc<dyn Vm>),
}

/// Removes VMM, network, kept memory, and the scratch disk unless it is to stay.
pub async fn release(ctx: Arc<Context>, record: Record, left: Left) {
    match left {
        Left::Unknown => {}
        Left::Boot(boot) => boot.cancel().await,
        Left::PoweringOff(vm) => {
            // Over time it is killed with its jail.
            let _ = tokio::time::timeout(POWER_OFF, vm.wait_exit()).await;
        }
    }
    release_vmm(&ctx, &record).await;
    until_done(&record, "memory not removed", || drop_memory(&ctx, &record)).await;
    if keeps_scratch(&record) {
        return;
    }
    ctx.record_step(&record.id, Step::RemoveScratch).await;
    let path = place::scratch(&ctx.config, &record.id);
    until_done(&record, "scratch disk not removed", || remove_scratch(path.clone())).await;
}

/// An update, while it takes place, is the end of what stays with the version only.
fn keeps_scratch(record: &Record) -> bool {
    match record.spec.config.persist() {
        Persist::Never => false,
        Persist::Restart => record.state != MachineState::Replacing,
        Persist::Always => true,
    }
}

/// Removes VMM and network: all that a suspended machine does without.
pub async fn release_vmm(ctx: &Context, record: &Record) {
    let guest = record.spec.config.guest().unwrap_or_else(|_| Guest::default());
    let jail = ctx.jail(record, &guest);
    ctx.record_step(&record.id, Step::ReleaseVmm).await;
    until_done(record, "VMM not removed", || ctx.parts.vmm.remove(&jail)).await;
    ctx.record_step(&record.id, Step::DetachNetwork).await;
    until_done(record, "network not detached", || ctx.parts.network.detach(&record.id)).await;
}

async fn remove_scratch(path: PathBuf) -> Result<(), ScratchError> {
    let removed = spawn_blocking(move || scratch::remove(&path)).await;
    removed.unwrap_or_else(|panic| {
        Err(ScratchError::Io { what: "removing the scratch disk".to_owned(), source: panic.into() })
    })
}

async fn until_done<E, F>(record: &Record, failure: &'static str, mut remove: impl FnMut() -> F)
where
    E: std::fmt::Display,
    F: Future<Output = Result<(), E>>,
{
    let mut pause = FIRST_PAUSE;
    while let Err(error) = remove().await {
        tracing::error!(machine = %record.id, %error, "{failure}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

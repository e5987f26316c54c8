//! Makes primed guests, one after another, while nothing else starts.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use roost_guest_api::channel::PRIMED_PARAMETER;
use roost_model::{CpuKind, Guest, MachineId};
use roost_vmm::{Disk, JailSpec, Limits, Nic, VmSpec, VmmError};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Kind;
use crate::{context::Context, memory, owner::chain, place};

/// No machine has started for so long: the host is quiet.
const QUIET: Duration = Duration::from_secs(2);

/// Nobody: this guest owns nothing, and runs nothing of anybody's.
const NOBODY: u32 = 65_534;

/// Its guest sets another before it uses the device.
const MAC: [u8; 6] = [0x02, 0x52, 0, 0, 0, 0];

/// A disk that nobody reads.
const BLANK_BYTES: u64 = 1 << 20;

/// Primes what is wanted until `shutdown`, and leaves nothing running.
pub async fn run(ctx: Arc<Context>, shutdown: CancellationToken) {
    for number in 0_u64.. {
        let Some(kind) = shutdown.run_until_cancelled(next_kind(&ctx)).await else { return };
        let folder = ctx.config.primed().join(number.to_string());
        match make(&ctx, &kind, &folder, &shutdown).await {
            Ok(()) => {
                tracing::info!(?kind, "machines of this kind start from a primed guest from now on");
                ctx.primed.keep(kind, folder);
            }
            Err(not) => {
                let _partial = fs::remove_dir_all(&folder);
                not_primed(&ctx, &kind, not);
            }
        }
    }
}

/// Removes what an earlier process left of its own.
pub async fn clean(ctx: &Context) {
    let jail = jail(ctx, &Guest::default());
    if let Err(error) = ctx.parts.vmm.remove(&jail).await {
        tracing::error!(%error, "a guest that was being primed is not removed");
    }
    match fs::remove_dir_all(ctx.config.primed()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::error!(%error, "primed guests of an earlier process are not removed");
        }
        _ => {}
    }
}

enum NotPrimed {
    /// Another time, perhaps.
    Busy(String),
    Failed(String),
}

fn not_primed(ctx: &Context, kind: &Kind, not: NotPrimed) {
    match not {
        NotPrimed::Busy(reason) => tracing::debug!(?kind, reason, "no guest primed yet"),
        NotPrimed::Failed(reason) => {
            tracing::warn!(?kind, reason, "no guest can be primed; machines boot as ever");
            ctx.primed.give_up(kind);
        }
    }
}

/// The next one that is wanted, at a moment when the host is quiet.
async fn next_kind(ctx: &Context) -> Kind {
    let kind = ctx.primed.next_wanted().await;
    loop {
        sleep(QUIET).await;
        if !ctx.hub.any_is_starting() {
            return kind;
        }
    }
}

async fn make(
    ctx: &Context,
    kind: &Kind,
    folder: &Path,
    shutdown: &CancellationToken,
) -> Result<(), NotPrimed> {
    let id = MachineId::generate();
    let guest =
        Guest { cpu_kind: CpuKind::Shared, cpus: kind.vcpus, memory_mb: kind.memory_mib, ..Guest::default() };
    let _claim = ctx.ledger.claim(&id, &guest, None).map_err(|e| NotPrimed::Busy(e.to_string()))?;
    let spec =
        spec(ctx, kind, id, &guest).map_err(|e| NotPrimed::Failed(format!("making its disks: {e}")))?;
    memory::make_empty(folder).map_err(|e| NotPrimed::Failed(format!("making its folder: {e}")))?;
    let booting = timeout(ctx.config.vmm.boot_timeout(), boot_and_keep(ctx, &spec, folder));
    let primed = shutdown.run_until_cancelled(booting).await;
    let removed = ctx.parts.vmm.remove(&spec.jail).await;
    match primed {
        Some(Ok(primed)) => primed.and(removed).map_err(|e| NotPrimed::Failed(chain(&e))),
        Some(Err(_)) => Err(NotPrimed::Busy("its boot took too long".to_owned())),
        None => Err(NotPrimed::Busy("the host stops".to_owned())),
    }
}

async fn boot_and_keep(ctx: &Context, spec: &VmSpec, folder: &Path) -> Result<(), VmmError> {
    let vm = ctx.parts.vmm.spawn(spec).await?;
    vm.guest_opened().await?;
    vm.pause().await?;
    vm.save(folder, spec.memory_mib).await
}

/// A machine of this kind, with nothing on its disks and nothing behind its network device.
fn spec(ctx: &Context, kind: &Kind, machine: MachineId, guest: &Guest) -> io::Result<VmSpec> {
    fs::create_dir_all(ctx.config.primed())?;
    let disks = kind.disks.iter().enumerate().map(|(index, read_only)| {
        let path = blank(ctx, index);
        File::create(&path)?.set_len(BLANK_BYTES)?;
        Ok(Disk { path, read_only: *read_only, serial: format!("blank-{index}"), rate: None })
    });
    Ok(VmSpec {
        machine,
        jail: jail(ctx, guest),
        vcpus: kind.vcpus,
        memory_mib: kind.memory_mib,
        boot: ctx.parts.boot.clone(),
        kernel_args: vec![PRIMED_PARAMETER.to_owned()],
        disks: disks.collect::<io::Result<_>>()?,
        nic: Some(Nic { mac: MAC, link: None }),
    })
}

fn blank(ctx: &Context, index: usize) -> PathBuf {
    ctx.config.primed().join(format!("blank-{index}"))
}

fn jail(ctx: &Context, guest: &Guest) -> JailSpec {
    JailSpec {
        dir: ctx.config.primed().join("jail"),
        uid: NOBODY,
        gid: NOBODY,
        cgroup: format!("{}/primed", place::cgroup_root(&ctx.config.dir)),
        limits: Limits::for_guest(guest, ctx.parts.vmm.is_emulated()),
    }
}

//! What has to be done from time to time: forgetting destroyed machines, expiring logs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use roost_model::{MachineId, MachineState};

use crate::{context::Context, owner::Handle};

const ROUND: Duration = Duration::from_secs(60);

pub async fn run(ctx: Arc<Context>, owners: Arc<Mutex<HashMap<MachineId, Handle>>>) {
    loop {
        forget_destroyed(&ctx, &owners).await;
        if let Err(error) = ctx.logs.expire().await {
            tracing::warn!(%error, "old logs not removed");
        }
        tokio::time::sleep(ROUND).await;
    }
}

async fn forget_destroyed(ctx: &Context, owners: &Mutex<HashMap<MachineId, Handle>>) {
    let keep = ctx.config.settings.keep_destroyed();
    let now = Timestamp::now();
    let old = |at: Timestamp| now.duration_since(at).unsigned_abs() >= keep;
    let machines = ctx.hub.list(None);
    for machine in machines.iter().filter(|m| m.state == MachineState::Destroyed && old(m.updated_at)) {
        if let Err(error) = ctx.store.forget(&machine.id).await {
            tracing::warn!(machine = %machine.id, %error, "destroyed machine not forgotten");
            continue;
        }
        owners.lock().unwrap_or_else(PoisonError::into_inner).remove(&machine.id);
        ctx.hub.remove(&machine.id);
    }
}

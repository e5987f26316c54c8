//! What a host does before its owners begin: shows what it knows, and removes what nobody knows.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use roost_model::{Guest, MachineId, MachineState};
use roost_netdev::NetError;

use crate::{
    context::Context,
    owner::{Handle, Origin, Owner},
    place, primed,
    record::Record,
};

/// Puts the network's rules back for machines that may run, and removes orphans: folders, jails and
/// VMMs of machines that are not in the database.
pub async fn prepare(ctx: &Arc<Context>, records: &[Record]) -> Result<(), NetError> {
    for record in records {
        ctx.hub.publish(ctx.view(record, &[]));
    }
    let attached: Vec<_> =
        records.iter().filter(|r| r.holds_capacity()).map(|r| place::net(&ctx.config, r)).collect();
    ctx.parts.network.sync(&attached).await?;
    remove_orphans(ctx, records).await;
    primed::clean(ctx).await;
    Ok(())
}

/// The machines that are not gone for good.
pub fn present(records: &[Record]) -> HashSet<MachineId> {
    let present = records.iter().filter(|record| record.state != MachineState::Destroyed);
    present.map(|record| record.id.clone()).collect()
}

/// An owner for each machine that is not gone for good.
pub fn spawn_owners(ctx: &Arc<Context>, records: Vec<Record>) -> HashMap<MachineId, Handle> {
    let present = records.into_iter().filter(|record| record.state != MachineState::Destroyed);
    present.map(|record| (record.id.clone(), Owner::spawn(ctx.clone(), record, Origin::Found))).collect()
}

async fn remove_orphans(ctx: &Arc<Context>, records: &[Record]) {
    let present = records.iter().filter(|record| record.state != MachineState::Destroyed);
    let known: HashSet<&str> = present.map(|record| record.id.as_str()).collect();
    for id in folders(ctx).into_iter().filter(|id| !known.contains(id.as_str())) {
        tracing::warn!(machine = %id, "removing what is left of an unknown machine");
        // Its uid is not known any more, nor needed to remove a jail.
        let first = ctx.config.settings.first_uid;
        let jail = place::jail(&ctx.config, &id, first, &Guest::default(), ctx.parts.vmm.is_emulated());
        if let Err(error) = ctx.parts.vmm.remove(&jail).await {
            tracing::error!(machine = %id, %error, "orphan not removed");
            continue;
        }
        if let Err(error) = std::fs::remove_dir_all(place::folder(&ctx.config, &id)) {
            tracing::error!(machine = %id, %error, "folder of an orphan not removed");
        }
    }
}

fn folders(ctx: &Context) -> Vec<MachineId> {
    let entries = std::fs::read_dir(ctx.config.machines()).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

//! What has to be done at the start and from time to time: going on with what was begun, daily snapshots,
//! removing what nobody needs any more.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use roost_host_api::ErrorBody;
use roost_model::{MachineId, VolumeId, VolumeState};
use tokio::task::spawn_blocking;

use super::{SnapshotRecord, Volumes, record::Purpose};
use crate::{host::Host, store::StoreError};

const ROUND: Duration = Duration::from_secs(30);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Reading all lists and looking at all pieces: often enough for room, rarely enough for the disk.
const COLLECT_EVERY: Duration = Duration::from_secs(3600);

/// Goes on with what an earlier process left, then looks after volumes for as long as the host lives.
pub async fn run(host: Host) {
    resume(&host).await;
    let mut collected = SystemTime::now();
    loop {
        tokio::time::sleep(ROUND).await;
        host.look_into_guests().await;
        take_scheduled(&host).await;
        expire(&host.ctx().volumes).await;
        if collected.elapsed().unwrap_or_default() > COLLECT_EVERY {
            collect(&host.ctx().volumes).await;
            collected = SystemTime::now();
        }
    }
}

async fn resume(host: &Host) {
    let volumes = &host.ctx().volumes;
    for record in volumes.table.volumes() {
        match record.state {
            VolumeState::Creating => report(&record.id, volumes.format(&record.id).await),
            VolumeState::Extending => report(&record.id, volumes.finish_growing(&record.id).await),
            VolumeState::Restoring | VolumeState::Hydrating => host.fill_later(record.id),
            VolumeState::Created | VolumeState::PendingDestroy => {}
        }
    }
    for snapshot in volumes.table.snapshots().into_iter().filter(SnapshotRecord::is_under_way) {
        // One that carries contents is taken by the volume that waits for them.
        if snapshot.purpose != Purpose::Carry {
            host.take_later(snapshot.id);
        }
    }
    expire(volumes).await;
}

fn report(id: &VolumeId, done: Result<(), ErrorBody>) {
    if let Err(error) = done {
        tracing::error!(volume = %id, %error, "volume not made ready");
    }
}

/// Snapshots that are due.
async fn take_scheduled(host: &Host) {
    let volumes = &host.ctx().volumes;
    let interval = Duration::from_secs(volumes.config.settings.snapshot_interval_secs);
    let snapshots = volumes.table.snapshots();
    for record in volumes.table.volumes() {
        let last = snapshots.iter().filter(|s| s.volume == record.id && s.purpose == Purpose::Scheduled);
        let last = last.map(|s| s.created_at).max().unwrap_or(record.created_at);
        if !record.scheduled_snapshots || !record.state.has_disk() || age(last) < interval {
            continue;
        }
        match volumes.record_snapshot(&record.id, Purpose::Scheduled).await {
            Ok(snapshot) => host.take_later(snapshot.id),
            Err(error) => tracing::warn!(volume = %record.id, %error, "daily snapshot not taken"),
        }
    }
}

/// Removes destroyed volumes and old snapshots whose time is over.
async fn expire(volumes: &Volumes) {
    for record in volumes.table.volumes() {
        let over = record.destroy_at.is_some_and(|at| at <= Timestamp::now());
        if record.state != VolumeState::PendingDestroy || !over {
            continue;
        }
        if record.for_good {
            report(&record.id, volumes.remove_all_snapshots(&record.id).await);
        }
        report(&record.id, volumes.remove(&record.id).await);
    }
    for snapshot in volumes.table.snapshots() {
        let over = age(snapshot.created_at) >= DAY * snapshot.retention_days;
        if over && snapshot.purpose != Purpose::Carry && !snapshot.is_under_way() {
            report(&snapshot.volume, volumes.remove_snapshot(&snapshot.id).await);
        }
    }
}

async fn collect(volumes: &Volumes) {
    let _pieces = volumes.pieces.write().await;
    let chunks = volumes.chunks.clone();
    match spawn_blocking(move || chunks.collect()).await {
        Ok(Ok(0)) => {}
        Ok(Ok(freed)) => tracing::info!(bytes = freed, "pieces of old snapshots removed"),
        Ok(Err(error)) => tracing::error!(%error, "pieces of old snapshots not removed"),
        Err(error) => tracing::error!(%error, "pieces of old snapshots not removed"),
    }
}

fn age(then: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(then)).unwrap_or_default()
}

impl Volumes {
    /// Before anything else goes on: takes volumes from machines that are gone, and removes pieces that no
    /// finished snapshot names. Those that were not flushed before a loss of power are among them.
    pub async fn prepare(&self, machines: &HashSet<MachineId>) -> Result<(), StoreError> {
        self.table.load().await?;
        self.release_from_the_gone(machines).await?;
        let turn = self.table.turn().await;
        let records = self.table.volumes();
        let carriers: HashSet<_> = records.iter().filter_map(|record| record.carrier.clone()).collect();
        for snapshot in self.table.snapshots() {
            if snapshot.purpose == Purpose::Carry && !carriers.contains(&snapshot.id) {
                if let Err(error) = self.chunks.remove_list(&snapshot.id) {
                    tracing::warn!(snapshot = %snapshot.id, %error, "list of a snapshot not removed");
                }
                turn.forget_snapshot(&snapshot.id).await?;
            }
        }
        drop(turn);
        collect(self).await;
        self.tell_unknown(records.into_iter().map(|record| record.id).collect());
        Ok(())
    }

    /// A volume is recorded before its disk is made, and forgotten after that is removed: a disk that no
    /// record knows comes from a lost database. It may be all that somebody has, and is left alone.
    fn tell_unknown(&self, known: HashSet<VolumeId>) {
        let folders = std::fs::read_dir(self.config.volumes()).into_iter().flatten().flatten();
        let ids = folders.filter_map(|entry| entry.file_name().to_str()?.parse::<VolumeId>().ok());
        for id in ids.filter(|id| !known.contains(id)) {
            tracing::error!(volume = %id, "the database knows nothing of this volume; its disk is kept");
        }
    }
}

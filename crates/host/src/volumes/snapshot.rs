//! Snapshots: recorded, then taken one after the other.

use std::sync::Arc;

use jiff::Timestamp;
use roost_host_api::{ErrorBody, ErrorCode, Snapshot};
use roost_model::{SnapshotId, SnapshotState, VolumeId};
use tokio::task::spawn_blocking;

use super::{
    SnapshotRecord, VolumeRecord, Volumes, chunks::Contents, create::internal, no_snapshot, no_volume,
    record::Purpose, space,
};
use crate::{context::refuse, host::Host, step::Step};

/// Of one volume: two months of daily ones, and as many again by hand.
const MAX_SNAPSHOTS: usize = 128;

impl Host {
    /// Records the wish for a snapshot, and takes it in the background.
    pub async fn snapshot_volume(&self, id: &VolumeId) -> Result<Snapshot, ErrorBody> {
        let record = self.ctx().volumes.record_snapshot(id, Purpose::Asked).await?;
        self.take_later(record.id.clone());
        Ok(record.view())
    }

    pub(super) fn take_later(&self, id: SnapshotId) {
        let host = self.without_tasks();
        self.ctx().volumes.begin_work(async move {
            if let Err(error) = host.take_snapshot(&id).await {
                tracing::error!(snapshot = %id, %error, "snapshot not taken");
                host.ctx().volumes.give_up_snapshot(&id, error.message).await;
            }
        });
    }

    /// Takes a recorded snapshot, unless that was done. Repeatable.
    pub(super) async fn take_snapshot(&self, id: &SnapshotId) -> Result<(), ErrorBody> {
        let volumes = &self.ctx().volumes;
        let _turn_to_copy = volumes.copying.acquire().await;
        let _pieces = volumes.pieces.read().await;
        let snapshot = volumes.table.snapshot(id).ok_or_else(|| no_snapshot(id))?;
        if !snapshot.is_under_way() {
            return Ok(());
        }
        let running = |record: &mut SnapshotRecord| record.state = SnapshotState::Running;
        volumes.table.change_snapshot(id, Step::TakeSnapshot, running).await?;
        let contents = self.copy(&snapshot.volume).await?;
        volumes.seal(id, contents).await
    }
}

impl Volumes {
    /// The snapshots of a volume that people see, newest first.
    pub fn snapshots_of(&self, id: &VolumeId) -> Result<Vec<Snapshot>, ErrorBody> {
        let visible = |s: &SnapshotRecord| s.volume == *id && s.purpose != Purpose::Carry;
        let mut snapshots: Vec<_> = self.table.snapshots().into_iter().filter(visible).collect();
        if snapshots.is_empty() && self.table.volume(id).is_none() {
            return Err(no_volume(id));
        }
        snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.created_at));
        Ok(snapshots.iter().map(SnapshotRecord::view).collect())
    }

    pub(super) async fn record_snapshot(
        &self,
        volume: &VolumeId,
        purpose: Purpose,
    ) -> Result<SnapshotRecord, ErrorBody> {
        let turn = self.table.turn().await;
        let source = self.record(volume)?;
        self.check_source(&source)?;
        let record = SnapshotRecord {
            id: SnapshotId::generate(),
            volume: source.id,
            app: source.app,
            state: SnapshotState::Waiting,
            purpose,
            volume_size_gb: source.size_gb,
            bytes: 0,
            digest: String::new(),
            retention_days: source.snapshot_retention_days,
            created_at: Timestamp::now(),
            problem: None,
        };
        turn.save_snapshot(record.clone(), Step::CreateSnapshot).await?;
        Ok(record)
    }

    fn check_source(&self, source: &VolumeRecord) -> Result<(), ErrorBody> {
        let id = &source.id;
        // A destroyed volume's disk may be there still.
        if !self.disk_path(id).exists() {
            let text = format!("volume {id} is {}: there is nothing in it yet", source.state);
            return Err(refuse(ErrorCode::WrongState, text));
        }
        if self.table.snapshots().iter().filter(|s| s.volume == *id).count() >= MAX_SNAPSHOTS {
            let text = format!("volume {id} has {MAX_SNAPSHOTS} snapshots, which is the limit");
            return Err(refuse(ErrorCode::NoCapacity, text));
        }
        space::check_free(&self.config.dir, &self.config.settings)
    }

    async fn seal(self: &Arc<Self>, id: &SnapshotId, contents: Contents) -> Result<(), ErrorBody> {
        let (chunks, list) = (self.chunks.clone(), id.clone());
        let bytes = contents.stored_bytes;
        let sealed = spawn_blocking(move || chunks.seal(&list, &contents)).await;
        let digest = sealed.map_err(|e| internal(&e))?.map_err(|e| internal(&e))?;
        let created = |record: &mut SnapshotRecord| {
            record.state = SnapshotState::Created;
            (record.bytes, record.digest) = (bytes, digest);
        };
        self.table.change_snapshot(id, Step::SnapshotReady, created).await.map(drop)
    }

    async fn give_up_snapshot(&self, id: &SnapshotId, problem: String) {
        let failed = |record: &mut SnapshotRecord| {
            record.state = SnapshotState::Failed;
            record.problem = Some(problem);
        };
        if let Err(error) = self.table.change_snapshot(id, Step::SnapshotReady, failed).await {
            tracing::warn!(snapshot = %id, %error, "failure of a snapshot not recorded");
        }
    }

    /// Removes a snapshot's list, then its record; its pieces are collected later. Repeatable.
    pub(super) async fn remove_snapshot(&self, id: &SnapshotId) -> Result<(), ErrorBody> {
        self.table.change_snapshot(id, Step::RemoveSnapshot, |_| {}).await?;
        let (chunks, list) = (self.chunks.clone(), id.clone());
        let removed = spawn_blocking(move || chunks.remove_list(&list)).await;
        removed.map_err(|e| internal(&e))?.map_err(|e| internal(&e))?;
        Ok(self.table.turn().await.forget_snapshot(id).await?)
    }

    pub(super) async fn remove_all_snapshots(&self, volume: &VolumeId) -> Result<(), ErrorBody> {
        for snapshot in self.table.snapshots().into_iter().filter(|s| s.volume == *volume) {
            self.remove_snapshot(&snapshot.id).await?;
        }
        Ok(())
    }
}

//! A new volume: recorded, then made from nothing, from a snapshot, or from another volume.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use roost_host_api::{CreateVolume, DestroyVolume, ErrorBody, ErrorCode, Volume, VolumeKeep, VolumeSource};
use roost_model::{
    SnapshotId, SnapshotState, VolumeId, VolumeState,
    volume::{DEFAULT_SNAPSHOT_RETENTION_DAYS, DEFAULT_VOLUME_GB, SNAPSHOT_RETENTION_DAYS},
};
use tokio::task::spawn_blocking;

use super::{
    VolumeRecord, Volumes, chunks::ChunkError, no_snapshot, no_volume, record::Purpose, space, table::Turn,
};
use crate::{context::refuse, host::Host, request::invalid, step::Step};

/// Between two tries to make a disk: a full disk may have room again.
const TRY_AGAIN: Duration = Duration::from_secs(10);

impl Host {
    /// Records a new volume and makes it. The same id again gives the volume that is there. One that is
    /// made from something is answered before it is filled.
    pub async fn create_volume(&self, create: CreateVolume) -> Result<Volume, ErrorBody> {
        let volumes = &self.ctx().volumes;
        let record = {
            let turn = volumes.table.turn().await;
            match volumes.table.volume(&create.id) {
                Some(record) if record.app == create.app => return Ok(volumes.view(&record)),
                Some(_) => {
                    let text = format!("the volume id {} is another app's", create.id);
                    return Err(refuse(ErrorCode::NameTaken, text));
                }
                None => volumes.insert(&turn, create).await?,
            }
        };
        if record.from == VolumeSource::Empty {
            if let Err(error) = volumes.format(&record.id).await {
                // Nobody has heard of it yet.
                let _ = volumes.destroy(&record.id, DestroyVolume { for_good: true }).await;
                return Err(error);
            }
        } else {
            self.fill_later(record.id.clone());
        }
        self.ctx().volumes.get(&record.id)
    }

    /// Goes on with filling a volume until that is done.
    pub(super) fn fill_later(&self, id: VolumeId) {
        let host = self.without_tasks();
        self.ctx().volumes.begin_work(async move {
            while let Err(error) = host.fill(&id).await {
                if host.ctx().volumes.record(&id).is_err() {
                    return;
                }
                tracing::error!(volume = %id, %error, "volume not filled");
                host.ctx().volumes.tell_problem(&id, Some(error.message)).await;
                tokio::time::sleep(TRY_AGAIN).await;
            }
        });
    }

    async fn fill(&self, id: &VolumeId) -> Result<(), ErrorBody> {
        let volumes = &self.ctx().volumes;
        let record = volumes.record(id)?;
        if !matches!(record.state, VolumeState::Restoring | VolumeState::Hydrating) {
            return Ok(());
        }
        match record.from.clone() {
            VolumeSource::Empty => volumes.format(id).await,
            VolumeSource::Snapshot(snapshot) => volumes.restore(id, &snapshot).await,
            VolumeSource::Volume(source) => {
                let carrier = self.carrier(&record, &source).await?;
                self.take_snapshot(&carrier).await?;
                volumes.restore(id, &carrier).await?;
                volumes.remove_snapshot(&carrier).await
            }
        }
    }

    /// The snapshot that brings the contents of `source` here; recorded once.
    async fn carrier(&self, record: &VolumeRecord, source: &VolumeId) -> Result<SnapshotId, ErrorBody> {
        let volumes = &self.ctx().volumes;
        let known = record.carrier.clone().filter(|id| volumes.table.snapshot(id).is_some());
        if let Some(carrier) = known {
            return Ok(carrier);
        }
        let carrier = volumes.record_snapshot(source, Purpose::Carry).await?.id;
        let recorded = volumes.table.change(&record.id, Step::MakeVolume, |record| {
            record.carrier = Some(carrier.clone());
            Ok(())
        });
        recorded.await?;
        Ok(carrier)
    }
}

impl Volumes {
    /// Records a volume; the caller has seen that its id is new.
    pub(super) async fn insert(
        &self,
        turn: &Turn<'_>,
        create: CreateVolume,
    ) -> Result<VolumeRecord, ErrorBody> {
        check_keep(&create.keep)?;
        let settings = &self.config.settings;
        let others = self.table.volumes();
        if others.len() >= settings.max_volumes as usize {
            let text = format!("this host has {} volumes already, which is its limit", others.len());
            return Err(refuse(ErrorCode::NoCapacity, text));
        }
        let (least_gb, state) = self.source_of(&create)?;
        let size_gb = create.size_gb.unwrap_or(least_gb);
        if size_gb < least_gb {
            let text = format!(
                "size_gb is {size_gb}: a volume made from one of {least_gb} GB must be at least as large"
            );
            return Err(invalid(text));
        }
        check_size(size_gb, settings.max_volume_gb)?;
        let promised_gb: u64 = others.iter().map(|record| u64::from(record.size_gb)).sum();
        space::check_promise(&self.config.dir, settings, promised_gb + u64::from(size_gb))?;
        let now = Timestamp::now();
        let record = VolumeRecord {
            id: create.id,
            app: create.app,
            name: create.name,
            state,
            size_gb,
            from: create.from,
            carrier: None,
            machine: None,
            snapshot_retention_days: create
                .keep
                .snapshot_retention_days
                .unwrap_or(DEFAULT_SNAPSHOT_RETENTION_DAYS),
            scheduled_snapshots: create.keep.scheduled_snapshots.unwrap_or(true),
            created_at: now,
            updated_at: now,
            destroy_at: None,
            for_good: false,
            problem: None,
        };
        turn.save(record.clone(), Step::CreateVolume).await?;
        Ok(record)
    }

    /// The least size, and the first state, of a volume that is made from this.
    fn source_of(&self, create: &CreateVolume) -> Result<(u32, VolumeState), ErrorBody> {
        match &create.from {
            VolumeSource::Empty => Ok((DEFAULT_VOLUME_GB, VolumeState::Creating)),
            VolumeSource::Snapshot(id) => {
                let snapshot = self.table.snapshot(id).filter(|snapshot| snapshot.app == create.app);
                let snapshot = snapshot.ok_or_else(|| no_snapshot(id))?;
                if snapshot.state != SnapshotState::Created {
                    let text = format!("snapshot {id} is {}: it can not be restored", snapshot.state);
                    return Err(refuse(ErrorCode::WrongState, text));
                }
                Ok((snapshot.volume_size_gb, VolumeState::Restoring))
            }
            VolumeSource::Volume(id) => {
                let source = self.table.volume(id).filter(|source| source.app == create.app);
                let source = source.ok_or_else(|| no_volume(id))?;
                Ok((source.size_gb, VolumeState::Hydrating))
            }
        }
    }

    /// Makes the disk of an empty volume. Repeatable.
    pub(super) async fn format(&self, id: &VolumeId) -> Result<(), ErrorBody> {
        let busy = self.table.busy(id).ok_or_else(|| no_volume(id))?;
        let _work = busy.work().await;
        let record = self.table.change(id, Step::MakeVolume, |_| Ok(())).await?;
        let (disk, bytes) = (self.disk(id), record.bytes());
        let made = spawn_blocking(move || disk.format(bytes)).await;
        if let Err(error) = made.map_err(|e| internal(&e)).and_then(|made| made.map_err(|e| internal(&e))) {
            self.tell_problem(id, Some(error.message.clone())).await;
            return Err(error);
        }
        self.ready(id).await
    }

    /// Fills a volume from a snapshot. Repeatable.
    async fn restore(self: &Arc<Self>, id: &VolumeId, snapshot: &SnapshotId) -> Result<(), ErrorBody> {
        let busy = self.table.busy(id).ok_or_else(|| no_volume(id))?;
        let _turn_to_copy = self.copying.acquire().await;
        let _pieces = self.pieces.read().await;
        let _work = busy.work().await;
        let source = self.table.snapshot(snapshot).ok_or_else(|| no_snapshot(snapshot))?;
        space::check_free(&self.config.dir, &self.config.settings)?;
        let record = self.table.change(id, Step::MakeVolume, |_| Ok(())).await?;
        let (disk, bytes, chunks) = (self.disk(id), record.bytes(), self.chunks.clone());
        let filled = spawn_blocking(move || {
            let contents = chunks.open_list(&source.id, &source.digest)?;
            disk.fill::<ChunkError>(bytes, |file| chunks.restore(&contents, file))
        });
        filled.await.map_err(|e| internal(&e))?.map_err(|e| internal(&e))?;
        self.ready(id).await
    }

    async fn ready(&self, id: &VolumeId) -> Result<(), ErrorBody> {
        let ready = self.table.change(id, Step::VolumeReady, |record| {
            // A destruction may have come in between.
            if record.state != VolumeState::PendingDestroy {
                record.state = VolumeState::Created;
            }
            (record.carrier, record.problem) = (None, None);
            Ok(())
        });
        ready.await.map(drop)
    }

    /// Says why a volume is not what it is to be, for those who ask about it.
    pub(super) async fn tell_problem(&self, id: &VolumeId, problem: Option<String>) {
        let told = self.table.change(id, Step::MakeVolume, |record| {
            record.problem = problem;
            Ok(())
        });
        if let Err(error) = told.await {
            tracing::warn!(volume = %id, %error, "problem of a volume not recorded");
        }
    }
}

pub fn check_keep(keep: &VolumeKeep) -> Result<(), ErrorBody> {
    match keep.snapshot_retention_days {
        Some(days) if !SNAPSHOT_RETENTION_DAYS.contains(&days) => {
            Err(invalid(format!("snapshot_retention is {days}: it must be from 1 to 60 days")))
        }
        _ => Ok(()),
    }
}

pub fn check_size(size_gb: u32, max_gb: u32) -> Result<(), ErrorBody> {
    if (1..=max_gb).contains(&size_gb) {
        return Ok(());
    }
    Err(invalid(format!("size_gb is {size_gb}: a volume on this host has from 1 to {max_gb} GB")))
}

pub fn internal(error: &dyn std::error::Error) -> ErrorBody {
    refuse(ErrorCode::Internal, error.to_string())
}

//! Changes of a volume that is there: how its snapshots are kept, its size, its end.

use std::time::Duration;

use jiff::Timestamp;
use roost_host_api::{DestroyVolume, ErrorBody, ErrorCode, ExtendedVolume, Volume, VolumeKeep};
use roost_model::{AppName, VolumeId, VolumeState};
use tokio::task::spawn_blocking;

use super::{
    Volumes,
    create::{check_keep, check_size, internal},
    no_volume, space,
};
use crate::{context::refuse, host::Host, request::invalid, step::Step};

impl Host {
    /// Makes a volume larger, at once if no machine has it or the machine's guest can follow.
    pub async fn extend_volume(&self, id: &VolumeId, size_gb: u32) -> Result<ExtendedVolume, ErrorBody> {
        let volumes = &self.ctx().volumes;
        volumes.grow(id, size_gb).await?;
        let needs_restart = !self.follow_growth(id).await;
        Ok(ExtendedVolume { volume: volumes.get(id)?, needs_restart })
    }
}

impl Volumes {
    pub async fn update(&self, id: &VolumeId, keep: &VolumeKeep) -> Result<Volume, ErrorBody> {
        check_keep(keep)?;
        let record = self.table.change(id, Step::VolumeReady, |record| {
            record.snapshot_retention_days =
                keep.snapshot_retention_days.unwrap_or(record.snapshot_retention_days);
            record.scheduled_snapshots = keep.scheduled_snapshots.unwrap_or(record.scheduled_snapshots);
            Ok(())
        });
        Ok(self.view(&record.await?))
    }

    /// Makes record and file larger; the file system follows in the guest.
    pub(super) async fn grow(&self, id: &VolumeId, size_gb: u32) -> Result<(), ErrorBody> {
        let settings = &self.config.settings;
        check_size(size_gb, settings.max_volume_gb)?;
        let busy = self.table.busy(id).ok_or_else(|| no_volume(id))?;
        let _work = busy.work().await;
        let others_gb: u64 =
            self.table.volumes().iter().filter(|r| r.id != *id).map(|r| u64::from(r.size_gb)).sum();
        let extended = self.table.change(id, Step::ExtendVolume, |record| {
            if !record.state.has_disk() {
                return Err(wrong_state(id, record.state, "extended"));
            }
            if size_gb < record.size_gb {
                let text = format!("volume {id} has {} GB: volumes only grow", record.size_gb);
                return Err(invalid(text));
            }
            if size_gb > record.size_gb {
                space::check_promise(&self.config.dir, settings, others_gb + u64::from(size_gb))?;
            }
            record.size_gb = size_gb;
            record.state = VolumeState::Extending;
            Ok(())
        });
        extended.await?;
        self.finish_growing(id).await
    }

    /// Makes the file as large as is recorded. Repeatable.
    pub(super) async fn finish_growing(&self, id: &VolumeId) -> Result<(), ErrorBody> {
        let record = self.record(id)?;
        let (disk, bytes) = (self.disk(id), record.bytes());
        let grown = spawn_blocking(move || disk.grow(bytes)).await;
        grown.map_err(|e| internal(&e))?.map_err(|e| internal(&e))?;
        let ready = self.table.change(id, Step::VolumeReady, |record| {
            if record.state == VolumeState::Extending {
                record.state = VolumeState::Created;
            }
            Ok(())
        });
        ready.await.map(drop)
    }

    /// Its disk is kept for a while, unless it is to go for good.
    pub async fn destroy(&self, id: &VolumeId, destroy: DestroyVolume) -> Result<Volume, ErrorBody> {
        let keep = if destroy.for_good { Duration::ZERO } else { self.config.settings.keep_volumes() };
        let record = self.table.change(id, Step::RetireVolume, |record| {
            if let Some(machine) = &record.machine {
                let text = format!("volume {id} is attached to machine {machine}; destroy the machine first");
                return Err(refuse(ErrorCode::VolumeInUse, text));
            }
            // Asked again, it does not stay longer.
            let at = Timestamp::now() + keep;
            record.destroy_at = Some(record.destroy_at.map_or(at, |earlier| earlier.min(at)));
            record.state = VolumeState::PendingDestroy;
            record.for_good |= destroy.for_good;
            Ok(())
        });
        let shown = self.view(&record.await?);
        if destroy.for_good {
            self.remove_all_snapshots(id).await?;
            self.remove(id).await?;
        }
        Ok(shown)
    }

    /// Removes all of an app's volumes and snapshots for good: its name may be another's tomorrow. Repeatable.
    pub async fn forget_app(&self, app: &AppName) -> Result<(), ErrorBody> {
        for volume in self.table.volumes().into_iter().filter(|record| record.app == *app) {
            self.destroy(&volume.id, DestroyVolume { for_good: true }).await?;
        }
        for snapshot in self.table.snapshots().into_iter().filter(|record| record.app == *app) {
            self.remove_snapshot(&snapshot.id).await?;
        }
        Ok(())
    }

    pub async fn undestroy(&self, id: &VolumeId) -> Result<Volume, ErrorBody> {
        let exists = self.disk_path(id).exists();
        let record = self.table.change(id, Step::VolumeReady, |record| {
            if record.state != VolumeState::PendingDestroy {
                return Err(wrong_state(id, record.state, "had back: it was not destroyed"));
            }
            if !exists {
                return Err(wrong_state(id, record.state, "had back: its disk was never filled"));
            }
            record.state = VolumeState::Created;
            record.destroy_at = None;
            Ok(())
        });
        Ok(self.view(&record.await?))
    }

    /// Removes a destroyed volume's disk, then its record. Repeatable.
    pub(super) async fn remove(&self, id: &VolumeId) -> Result<(), ErrorBody> {
        let busy = self.table.busy(id).ok_or_else(|| no_volume(id))?;
        let _work = busy.work().await;
        let removed = self.table.change(id, Step::RemoveVolume, |record| {
            // Had back in the last moment.
            match record.state {
                VolumeState::PendingDestroy => Ok(()),
                state => Err(wrong_state(id, state, "removed")),
            }
        });
        removed.await?;
        let disk = self.disk(id);
        let removed = spawn_blocking(move || disk.remove()).await;
        removed.map_err(|e| internal(&e))?.map_err(|e| internal(&e))?;
        Ok(self.table.turn().await.forget(id).await?)
    }
}

pub fn wrong_state(id: &VolumeId, state: VolumeState, wanted: &str) -> ErrorBody {
    refuse(ErrorCode::WrongState, format!("volume {id} is {state} and can not be {wanted}"))
}

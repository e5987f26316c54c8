//! Which machine has which volume: one machine at a time, from the machine's creation to its end.
//!
//! A machine that is given another configuration keeps its volume. One whose configuration mounts no
//! volume any more loses it at its next boot, when nothing of the earlier one runs.

use std::{collections::HashSet, sync::Arc};

use roost_host_api::{CreateVolume, ErrorBody, ErrorCode, VolumeKeep, VolumeSource};
use roost_model::{AppName, MachineConfig, MachineId, VolumeId, VolumeName, VolumeState, machine::Mount};

use super::{VolumeRecord, Volumes, change::wrong_state, no_volume, table::Turn};
use crate::{context::refuse, request::invalid, step::Step, store::StoreError};

/// As in the Machines API.
const MAX_MOUNTS: usize = 1;

/// Percent of use at which a volume may be made larger by itself, and by how much.
const EXTEND_THRESHOLD: std::ops::RangeInclusive<u32> = 1..=99;

/// Whether mounts can be had at all, whatever volumes there are. Pure.
pub fn check_mounts(config: &MachineConfig) -> Result<(), ErrorBody> {
    if config.mounts.len() > MAX_MOUNTS {
        return Err(invalid(format!("config.mounts has {}: a machine has one volume", config.mounts.len())));
    }
    config.mounts.iter().try_for_each(check_mount)
}

fn check_mount(mount: &Mount) -> Result<(), ErrorBody> {
    let path = &mount.path;
    let parts = || path.split('/').filter(|part| !part.is_empty());
    if !path.starts_with('/') || parts().next().is_none() || parts().any(|part| matches!(part, "." | "..")) {
        return Err(invalid(format!("config.mounts: path \"{path}\" must be absolute, and not / itself")));
    }
    if mount.volume.is_empty() && mount.name.is_none() {
        return Err(invalid("config.mounts: name the volume's id (volume), or its name (name)"));
    }
    match (mount.extend_threshold_percent.filter(|percent| *percent != 0), mount.add_size_gb) {
        (None, _) => Ok(()),
        (Some(percent), _) if !EXTEND_THRESHOLD.contains(&percent) => Err(invalid(format!(
            "config.mounts: extend_threshold_percent is {percent}: it must be under 100"
        ))),
        (Some(_), Some(1..)) => Ok(()),
        (Some(_), _) => Err(invalid("config.mounts: extend_threshold_percent needs add_size_gb")),
    }
}

/// A machine, as far as it gets volumes.
#[derive(Debug, Clone, Copy)]
pub struct Taker<'a> {
    pub machine: &'a MachineId,
    pub app: &'a AppName,
    /// For volumes that are made for it.
    pub keep: VolumeKeep,
}

impl Volumes {
    /// Gives a machine the volumes that it mounts, made if need be, and says which in `mounts`. Repeatable.
    pub async fn assign(self: &Arc<Self>, taker: Taker<'_>, mounts: &mut [Mount]) -> Result<(), ErrorBody> {
        for mount in mounts {
            let record = self.assign_one(taker, mount).await?;
            mount.volume = record.id.to_string();
            mount.name = Some(record.name.to_string());
            mount.size_gb = Some(record.size_gb);
            mount.encrypted = Some(self.config.settings.volumes_encrypted);
            if record.state == VolumeState::Creating {
                self.format(&record.id).await?;
            }
        }
        Ok(())
    }

    async fn assign_one(&self, taker: Taker<'_>, mount: &Mount) -> Result<VolumeRecord, ErrorBody> {
        let turn = self.table.turn().await;
        let mut record = match mount.volume.is_empty() {
            true => self.by_name(&turn, taker, mount).await?,
            false => self.by_id(taker, &mount.volume)?,
        };
        if record.machine.as_ref() == Some(taker.machine) {
            return Ok(record);
        }
        self.keeps_none(taker.machine)?;
        record.machine = Some(taker.machine.clone());
        turn.save(record.clone(), Step::AssignVolume).await?;
        Ok(record)
    }

    fn by_id(&self, taker: Taker<'_>, id: &str) -> Result<VolumeRecord, ErrorBody> {
        let id: VolumeId = id.parse().map_err(|e| invalid(format!("config.mounts: {e}")))?;
        let record = self.table.volume(&id).filter(|record| record.app == *taker.app);
        let record = record.ok_or_else(|| no_volume(&id))?;
        if record.state == VolumeState::PendingDestroy {
            return Err(wrong_state(&id, record.state, "attached"));
        }
        match &record.machine {
            Some(other) if other != taker.machine => {
                let text = format!("volume {id} is attached to machine {other}: a volume is one machine's");
                Err(refuse(ErrorCode::VolumeInUse, text))
            }
            _ => Ok(record),
        }
    }

    /// The machine's own one of this name, else the oldest that is free, else a new one.
    async fn by_name(
        &self,
        turn: &Turn<'_>,
        taker: Taker<'_>,
        mount: &Mount,
    ) -> Result<VolumeRecord, ErrorBody> {
        let name = mount.name.as_deref().unwrap_or_default();
        let name: VolumeName = name.parse().map_err(|e| invalid(format!("config.mounts: {e}")))?;
        let of_name = |record: &VolumeRecord| record.app == *taker.app && record.name == name;
        let volumes: Vec<_> = self.table.volumes().into_iter().filter(of_name).collect();
        if let Some(own) = volumes.iter().find(|record| record.machine.as_ref() == Some(taker.machine)) {
            return Ok(own.clone());
        }
        if let Some(free) = volumes.iter().filter(|record| record.is_free()).min_by_key(|r| r.created_at) {
            return Ok(free.clone());
        }
        self.keeps_none(taker.machine)?;
        let Some(size_gb) = mount.size_gb.filter(|size| *size != 0) else {
            let text = format!(
                "app {} has no volume \"{name}\" that is free; create one, or give size_gb in the mount",
                taker.app
            );
            return Err(refuse(ErrorCode::VolumeNotFound, text));
        };
        let create = CreateVolume {
            id: VolumeId::generate(),
            app: taker.app.clone(),
            name,
            size_gb: Some(size_gb),
            from: VolumeSource::Empty,
            keep: taker.keep,
        };
        self.insert(turn, create).await
    }

    /// A machine that has a volume takes no other.
    fn keeps_none(&self, machine: &MachineId) -> Result<(), ErrorBody> {
        let Some(kept) = self.volumes_of(machine).into_iter().next() else { return Ok(()) };
        let text = format!(
            "machine {machine} has volume {} (\"{}\") and keeps it; for another volume create another machine",
            kept.id, kept.name
        );
        Err(invalid(text))
    }

    /// The volumes that a machine has.
    pub fn volumes_of(&self, machine: &MachineId) -> Vec<VolumeRecord> {
        let has = |record: &VolumeRecord| record.machine.as_ref() == Some(machine);
        self.table.volumes().into_iter().filter(has).collect()
    }

    /// Takes all volumes from a machine but those that it mounts. Nothing of it runs. Repeatable.
    pub async fn release(&self, machine: &MachineId, mounts: &[Mount]) -> Result<(), StoreError> {
        let turn = self.table.turn().await;
        for mut record in self.volumes_of(machine) {
            if mounts.iter().all(|mount| mount.volume != record.id.as_str()) {
                record.machine = None;
                turn.save(record, Step::AssignVolume).await?;
            }
        }
        Ok(())
    }

    /// Takes volumes from machines that are not among these.
    pub(super) async fn release_from_the_gone(
        &self,
        machines: &HashSet<MachineId>,
    ) -> Result<(), StoreError> {
        let turn = self.table.turn().await;
        for mut record in self.table.volumes() {
            if record.machine.as_ref().is_some_and(|machine| !machines.contains(machine)) {
                record.machine = None;
                turn.save(record, Step::AssignVolume).await?;
            }
        }
        Ok(())
    }

    /// Waits until a machine that boots can be given the volume, and nobody reads or writes its disk.
    pub async fn ready_for(&self, machine: &MachineId, mount: &Mount) -> Result<VolumeId, ErrorBody> {
        let id: VolumeId = mount.volume.parse().map_err(|e| invalid(format!("config.mounts: {e}")))?;
        let mut changes = self.table.changes();
        loop {
            changes.mark_unchanged();
            let record = self.table.volume(&id).ok_or_else(|| no_volume(&id))?;
            if record.machine.as_ref() != Some(machine) {
                let text = format!("volume {id} is not attached to machine {machine}");
                return Err(refuse(ErrorCode::VolumeInUse, text));
            }
            if record.state.has_disk() {
                break;
            }
            if changes.changed().await.is_err() {
                return Err(no_volume(&id));
            }
        }
        if let Some(busy) = self.table.busy(&id) {
            // Whoever works on the disk after this sees that the machine boots.
            drop(busy.boot().await);
        }
        Ok(id)
    }
}

//! Volumes in running machines: how full they are, and file systems that follow their disks.

use std::time::Duration;

use roost_guest_api::GuestClient;
use roost_host_api::VolumeUsage;
use roost_model::{MachineId, MachineState, VolumeId, machine::Mount};

use super::VolumeRecord;
use crate::{host::Host, owner::Command};

/// From the news that a disk is larger to the guest's kernel having heard it.
const GROWTH: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

impl Host {
    /// Asks every running guest how full its volumes are, and makes larger what is to be.
    pub(super) async fn look_into_guests(&self) {
        for record in self.ctx().volumes.table.volumes() {
            let Some(machine) = record.machine.clone() else {
                self.ctx().volumes.table.set_usage(&record.id, None);
                continue;
            };
            if let Some(usage) = self.measure(&record.id, &machine).await {
                self.ctx().volumes.table.set_usage(&record.id, Some(usage));
                if follows(&record, usage) {
                    self.extend_by_itself(&record, &machine, usage).await;
                } else {
                    self.follow_growth(&record.id).await;
                }
            }
        }
    }

    async fn measure(&self, id: &VolumeId, machine: &MachineId) -> Option<VolumeUsage> {
        if self.ctx().hub.get(machine)?.state != MachineState::Started {
            return None;
        }
        let client = self.owner(machine).ok()?.ask(Command::Guest).await.ok()?;
        let measure = client.measure_volume(id.as_str()).await.ok()?;
        Some(VolumeUsage {
            block_size: measure.block_size,
            blocks: measure.blocks,
            blocks_free: measure.blocks_free,
            blocks_avail: measure.blocks_avail,
        })
    }

    /// As the machine's mount says, when the volume is as full as that.
    async fn extend_by_itself(&self, record: &VolumeRecord, machine: &MachineId, usage: VolumeUsage) {
        let Some(shown) = self.ctx().hub.get(machine) else { return };
        let mount = shown.config.mounts.iter().find(|mount| mount.volume == record.id.as_str());
        let Some(size_gb) = mount.and_then(|mount| larger(mount, record.size_gb, usage)) else { return };
        let text =
            format!("Volume {} is filling up: it grows from {} to {size_gb} GB", record.id, record.size_gb);
        match self.extend_volume(&record.id, size_gb).await {
            Ok(_) => self.ctx().logs.say(&record.app, machine, text).await,
            Err(error) => tracing::error!(volume = %record.id, %error, "volume not extended by itself"),
        }
    }

    /// Makes disk and file system of a running machine as large as the volume. Whether it has them.
    pub(super) async fn follow_growth(&self, id: &VolumeId) -> bool {
        let Ok(record) = self.ctx().volumes.record(id) else { return true };
        let Some(machine) = &record.machine else { return true };
        match self.ctx().hub.get(machine).map(|machine| machine.state) {
            Some(MachineState::Started) => {}
            // What it sees is found out at its boot.
            Some(state) => return !state.is_transient() && state != MachineState::Suspended,
            None => return true,
        }
        let Ok(owner) = self.owner(machine) else { return true };
        let Ok((vm, client)) = owner.ask(Command::Running).await else { return false };
        if let Err(error) = vm.resize_disk(id.as_str(), record.bytes()).await {
            tracing::info!(volume = %id, %error, "disk not resized while its machine runs");
            return false;
        }
        grow_in_guest(&client, &record).await
    }
}

async fn grow_in_guest(client: &GuestClient, record: &VolumeRecord) -> bool {
    let began = tokio::time::Instant::now();
    loop {
        match client.grow_volume(record.id.as_str(), record.bytes()).await {
            Ok(()) => return true,
            Err(error) if began.elapsed() > GROWTH => {
                tracing::warn!(volume = %record.id, %error, "file system not grown");
                return false;
            }
            Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// The file system is as large as the disk, but for what it needs itself. One that is not would be taken
/// for full again and again.
fn follows(record: &VolumeRecord, usage: VolumeUsage) -> bool {
    usage.total_bytes() >= record.bytes() / 100 * 85
}

/// The size that a volume of this use is to have, if that is another. Pure.
fn larger(mount: &Mount, size_gb: u32, usage: VolumeUsage) -> Option<u32> {
    let threshold = mount.extend_threshold_percent.filter(|percent| *percent != 0)?;
    let total = usage.total_bytes();
    let full = total > 0 && usage.used_bytes().saturating_mul(100) >= total.saturating_mul(threshold.into());
    let limit = mount.size_gb_limit.filter(|limit| *limit != 0).unwrap_or(u32::MAX);
    let wanted = size_gb.saturating_add(mount.add_size_gb?).min(limit);
    (full && wanted > size_gb).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_grows_at_its_threshold_by_its_step_up_to_its_limit() {
        let mount = Mount {
            extend_threshold_percent: Some(80),
            add_size_gb: Some(3),
            size_gb_limit: Some(10),
            ..Mount::default()
        };
        let used = |percent: u64| VolumeUsage {
            block_size: 4096,
            blocks: 100,
            blocks_free: 100 - percent,
            blocks_avail: 0,
        };
        assert_eq!(larger(&mount, 1, used(79)), None);
        assert_eq!(larger(&mount, 1, used(80)), Some(4));
        assert_eq!(larger(&mount, 8, used(99)), Some(10));
        assert_eq!(larger(&mount, 10, used(99)), None);
        let unlimited = Mount { size_gb_limit: None, ..mount.clone() };
        assert_eq!(larger(&unlimited, 10, used(99)), Some(13));
        assert_eq!(larger(&Mount::default(), 1, used(100)), None);
    }
}

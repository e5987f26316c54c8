//! Bodies of the calls about volumes and their snapshots.

use jiff::Timestamp;
use roost_model::{
    AppName, HostId, MachineId, Region, SnapshotId, SnapshotState, VolumeId, VolumeName, VolumeState,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateVolume {
    pub id: VolumeId,
    pub app: AppName,
    pub name: VolumeName,
    /// The default when absent; for a restored or forked one, the size of what it is made from.
    pub size_gb: Option<u32>,
    #[serde(default)]
    pub from: VolumeSource,
    #[serde(default)]
    pub keep: VolumeKeep,
}

/// What a new volume holds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeSource {
    /// An empty file system.
    #[default]
    Empty,
    Snapshot(SnapshotId),
    /// What another volume holds now.
    Volume(VolumeId),
}

/// How a volume's snapshots are kept; what is absent stays as it is, or takes the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VolumeKeep {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_retention_days: Option<u32>,
    /// A snapshot every day, by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_snapshots: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendVolume {
    pub size_gb: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtendedVolume {
    pub volume: Volume,
    /// The machine that has it sees the new size at its next start.
    pub needs_restart: bool,
}

/// Query of `DELETE /v1/volumes/{id}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DestroyVolume {
    /// Removes disk and snapshots at once: nothing can be had back.
    #[serde(default)]
    pub for_good: bool,
}

/// A volume as its host knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    pub id: VolumeId,
    pub name: VolumeName,
    pub app: AppName,
    pub host: HostId,
    pub region: Region,
    pub state: VolumeState,
    pub size_gb: u32,
    /// The host's operator says that the folder of volumes is on an encrypted device.
    pub encrypted: bool,
    /// The machine that has it, running or not.
    pub machine: Option<MachineId>,
    pub snapshot_retention_days: u32,
    pub scheduled_snapshots: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When a destroyed volume's disk is removed.
    pub destroy_at: Option<Timestamp>,
    pub usage: VolumeUsage,
    /// Why it does not become `created`, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How full a volume is: as its guest last told, else by what it takes on the host's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VolumeUsage {
    /// Bytes of a block.
    pub block_size: u64,
    pub blocks: u64,
    pub blocks_free: u64,
    /// Of these, those that an ordinary user may take.
    pub blocks_avail: u64,
}

impl VolumeUsage {
    pub fn total_bytes(&self) -> u64 {
        self.blocks.saturating_mul(self.block_size)
    }

    pub fn used_bytes(&self) -> u64 {
        self.blocks.saturating_sub(self.blocks_free).saturating_mul(self.block_size)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub volume: VolumeId,
    pub app: AppName,
    pub state: SnapshotState,
    /// Of the volume, at that moment.
    pub volume_size_gb: u32,
    /// Bytes that it holds; unchanged ones are shared with other snapshots.
    pub bytes: u64,
    /// Of the list of its contents; empty until it is created.
    pub digest: String,
    pub retention_days: u32,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

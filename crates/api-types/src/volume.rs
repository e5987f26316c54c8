//! Volumes and their snapshots, in the shapes of the Machines API: clients decide their keys, and the api
//! fills them from what hosts say in shapes of their own (`roost_host_api::Volume`).

use jiff::Timestamp;
use roost_model::{
    AppName, MachineId, Region, SnapshotId, SnapshotState, VolumeId, VolumeName, VolumeState, volume::GB,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of a create. Keys of the Machines API that choose among hosts are taken and change nothing:
/// every volume is on its region's host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CreateVolume {
    #[serde(default)]
    pub name: String,
    /// Any when empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// 1 when absent; of a restored or forked volume, the size of what it is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_gb: Option<u32>,
    /// Restore this snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<String>,
    /// Fork this volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_volume_id: Option<String>,
    /// Days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_retention: Option<u32>,
    /// A snapshot every day; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_backup_enabled: Option<bool>,
    /// Only `ext4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fstype: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct UpdateVolume {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_retention: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_backup_enabled: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExtendVolume {
    pub size_gb: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExtendedVolume {
    pub volume: Volume,
    /// Its machine sees the new size at its next start.
    pub needs_restart: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Volume {
    pub id: VolumeId,
    pub name: VolumeName,
    pub state: VolumeState,
    pub size_gb: u32,
    pub region: Region,
    /// The host that it is on.
    pub zone: String,
    pub encrypted: bool,
    pub attached_machine_id: Option<MachineId>,
    /// Always absent; clients read the key.
    pub attached_alloc_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub fstype: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub host_status: String,
    pub host_dedication_id: String,
    pub snapshot_retention: u32,
    pub auto_backup_enabled: bool,
    pub block_size: u64,
    pub blocks: u64,
    pub blocks_free: u64,
    pub blocks_avail: u64,
    pub bytes_used: u64,
    pub bytes_total: u64,
    /// When a destroyed volume is removed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroy_at: Option<Timestamp>,
    /// Why it does not become `created`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A volume in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ListedVolume {
    Whole(Box<Volume>),
    /// When the list was asked for without the figures of the disks.
    Summary(VolumeSummary),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VolumeSummary {
    pub id: VolumeId,
    pub name: VolumeName,
    pub state: VolumeState,
    pub size_gb: u32,
    pub region: Region,
    /// The host that it is on.
    pub zone: String,
    pub encrypted: bool,
    pub attached_machine_id: Option<MachineId>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<roost_host_api::Volume> for VolumeSummary {
    fn from(volume: roost_host_api::Volume) -> Self {
        Self {
            id: volume.id,
            name: volume.name,
            state: volume.state,
            size_gb: volume.size_gb,
            region: volume.region,
            zone: volume.host.to_string(),
            encrypted: volume.encrypted,
            attached_machine_id: volume.machine,
            created_at: volume.created_at,
            updated_at: volume.updated_at,
        }
    }
}

/// A volume in a list over apps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrgVolume {
    pub app_name: AppName,
    #[serde(flatten)]
    pub volume: ListedVolume,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrgVolumes {
    pub volumes: Vec<OrgVolume>,
    /// Where the next page begins; empty on the last.
    #[serde(default)]
    pub next_cursor: String,
    #[serde(default)]
    pub last_volume_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VolumeSnapshot {
    pub id: SnapshotId,
    pub status: SnapshotState,
    /// Bytes that it holds.
    pub size: u64,
    /// Bytes of the volume.
    pub volume_size: u64,
    pub digest: String,
    pub created_at: Timestamp,
    pub retention_days: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl From<roost_host_api::Volume> for Volume {
    fn from(volume: roost_host_api::Volume) -> Self {
        let usage = volume.usage;
        Self {
            id: volume.id,
            name: volume.name,
            state: volume.state,
            size_gb: volume.size_gb,
            region: volume.region,
            zone: volume.host.to_string(),
            encrypted: volume.encrypted,
            attached_machine_id: volume.machine,
            attached_alloc_id: None,
            created_at: volume.created_at,
            updated_at: volume.updated_at,
            fstype: "ext4".to_owned(),
            kind: "local".to_owned(),
            host_status: "ok".to_owned(),
            host_dedication_id: String::new(),
            snapshot_retention: volume.snapshot_retention_days,
            auto_backup_enabled: volume.scheduled_snapshots,
            block_size: usage.block_size,
            blocks: usage.blocks,
            blocks_free: usage.blocks_free,
            blocks_avail: usage.blocks_avail,
            bytes_used: usage.used_bytes(),
            bytes_total: usage.total_bytes(),
            destroy_at: volume.destroy_at,
            problem: volume.problem,
        }
    }
}

impl From<roost_host_api::Snapshot> for VolumeSnapshot {
    fn from(snapshot: roost_host_api::Snapshot) -> Self {
        Self {
            id: snapshot.id,
            status: snapshot.state,
            size: snapshot.bytes,
            volume_size: u64::from(snapshot.volume_size_gb) * GB,
            digest: snapshot.digest,
            created_at: snapshot.created_at,
            retention_days: snapshot.retention_days,
            problem: snapshot.problem,
        }
    }
}

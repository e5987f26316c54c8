//! What a host remembers of a volume and of a snapshot.

use jiff::Timestamp;
use roost_host_api::{Snapshot, VolumeSource};
use roost_model::{
    AppName, MachineId, SnapshotId, SnapshotState, VolumeId, VolumeName, VolumeState, volume::GB,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VolumeRecord {
    pub id: VolumeId,
    pub app: AppName,
    pub name: VolumeName,
    pub state: VolumeState,
    pub size_gb: u32,
    /// What it was made from.
    pub from: VolumeSource,
    /// The snapshot that carries another volume's contents here; removed once they are.
    pub carrier: Option<SnapshotId>,
    /// The machine that has it.
    pub machine: Option<MachineId>,
    pub snapshot_retention_days: u32,
    pub scheduled_snapshots: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Set by its destruction.
    pub destroy_at: Option<Timestamp>,
    /// Its snapshots go with it.
    pub for_good: bool,
    pub problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotRecord {
    pub id: SnapshotId,
    pub volume: VolumeId,
    pub app: AppName,
    pub state: SnapshotState,
    pub purpose: Purpose,
    pub volume_size_gb: u32,
    pub bytes: u64,
    pub digest: String,
    pub retention_days: u32,
    pub created_at: Timestamp,
    pub problem: Option<String>,
}

/// Why a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Asked,
    Scheduled,
    /// To carry the contents to a new volume; nobody sees it.
    Carry,
}

impl VolumeRecord {
    pub fn bytes(&self) -> u64 {
        u64::from(self.size_gb) * GB
    }

    /// A machine can be given it.
    pub fn is_free(&self) -> bool {
        self.machine.is_none() && self.state != VolumeState::PendingDestroy
    }
}

impl SnapshotRecord {
    pub fn view(&self) -> Snapshot {
        Snapshot {
            id: self.id.clone(),
            volume: self.volume.clone(),
            app: self.app.clone(),
            state: self.state,
            volume_size_gb: self.volume_size_gb,
            bytes: self.bytes,
            digest: self.digest.clone(),
            retention_days: self.retention_days,
            created_at: self.created_at,
            problem: self.problem.clone(),
        }
    }

    /// It is, or is about to be, of use.
    pub fn is_under_way(&self) -> bool {
        matches!(self.state, SnapshotState::Waiting | SnapshotState::Running)
    }
}

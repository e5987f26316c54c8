//! Volumes: disks that outlive the machines they are in.
//!
//! ```text
//!  host-api ─► change, snapshot ─► table ─► store        record before act, as machines do
//!                                    │
//!  owner of a machine ─► assign ─────┤      which machine has which volume
//!                                    ▼
//!                        disk, chunks       files: sparse disks, snapshots in shared pieces
//! ```
//!
//! Responsible for: the volumes of this host and their snapshots, from the recorded wish to the last
//! removed file; that a volume is one machine's at a time; going on after a crash at any point.
//!
//! Not responsible for: what is in them. Once a guest had a volume, only guests read it as a file system.

mod assign;
mod change;
mod chunks;
mod copy;
mod create;
mod disk;
mod record;
mod snapshot;
mod space;
mod sweep;
mod table;
mod watch;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use roost_host_api::{ErrorBody, ErrorCode, Volume, VolumeUsage};
use roost_model::{SnapshotId, VolumeId};
use tokio::{
    sync::{RwLock, Semaphore},
    task::JoinSet,
};

pub use self::{
    assign::{Taker, check_mounts},
    record::{SnapshotRecord, VolumeRecord},
    sweep::run as sweep,
};
use self::{chunks::ChunkStore, disk::VolumeDisk, table::Table};
use crate::{config::HostConfig, context::refuse, store::Store};

/// Bytes in which use is told when no guest has told it.
const BLOCK: u64 = 4096;

/// What a host's volumes are kept by.
pub struct Volumes {
    config: HostConfig,
    table: Table,
    chunks: ChunkStore,
    /// Disks can be cloned in no time.
    clones: bool,
    /// Copies are heavy on the disk: one at a time.
    copying: Semaphore,
    /// Held for reading by whoever takes or restores a snapshot, for writing by who removes pieces.
    pieces: RwLock<()>,
    /// Disks that are filled and snapshots that are taken in the background.
    work: Mutex<JoinSet<()>>,
}

impl Volumes {
    pub fn open(config: &HostConfig, store: Store) -> io::Result<Arc<Self>> {
        std::fs::create_dir_all(config.volumes())?;
        Ok(Arc::new(Self {
            clones: disk::can_clone(&config.volumes()),
            table: Table::new(store),
            chunks: ChunkStore::open(&config.snapshots())?,
            copying: Semaphore::new(1),
            pieces: RwLock::new(()),
            work: Mutex::default(),
            config: config.clone(),
        }))
    }

    /// Does something in the background; what is left of it when the host ends is done by the next one.
    fn begin_work(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(work);
    }

    pub fn end_work(&self) {
        self.work.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }

    pub fn list(&self) -> Vec<Volume> {
        self.table.volumes().iter().map(|record| self.view(record)).collect()
    }

    pub fn get(&self, id: &VolumeId) -> Result<Volume, ErrorBody> {
        Ok(self.view(&self.record(id)?))
    }

    /// The file behind a volume.
    pub fn disk_path(&self, id: &VolumeId) -> std::path::PathBuf {
        self.disk(id).path()
    }

    fn record(&self, id: &VolumeId) -> Result<VolumeRecord, ErrorBody> {
        self.table.volume(id).ok_or_else(|| no_volume(id))
    }

    fn disk(&self, id: &VolumeId) -> VolumeDisk {
        VolumeDisk::new(self.config.volumes().join(id.as_str()))
    }

    fn view(&self, record: &VolumeRecord) -> Volume {
        Volume {
            id: record.id.clone(),
            name: record.name.clone(),
            app: record.app.clone(),
            host: self.config.id.clone(),
            region: self.config.region.clone(),
            state: record.state,
            size_gb: record.size_gb,
            encrypted: self.config.settings.volumes_encrypted,
            machine: record.machine.clone(),
            snapshot_retention_days: record.snapshot_retention_days,
            scheduled_snapshots: record.scheduled_snapshots,
            created_at: record.created_at,
            updated_at: record.updated_at,
            destroy_at: record.destroy_at,
            usage: self.table.usage(&record.id).unwrap_or_else(|| self.usage_on_disk(record)),
            problem: record.problem.clone(),
        }
    }

    fn usage_on_disk(&self, record: &VolumeRecord) -> VolumeUsage {
        let blocks = record.bytes() / BLOCK;
        let free = blocks.saturating_sub(self.disk(&record.id).allocated_bytes().div_ceil(BLOCK));
        VolumeUsage { block_size: BLOCK, blocks, blocks_free: free, blocks_avail: free }
    }
}

fn no_volume(id: &VolumeId) -> ErrorBody {
    refuse(ErrorCode::VolumeNotFound, format!("this host has no volume {id}"))
}

fn no_snapshot(id: &SnapshotId) -> ErrorBody {
    refuse(ErrorCode::SnapshotNotFound, format!("this host has no snapshot {id}"))
}

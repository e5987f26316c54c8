//! The records of volumes and snapshots: in the database, and a copy in memory for readers.
//!
//! Responsible for: one change at a time, saved with its step before anybody sees it; and for each volume
//! a lock for work that takes long.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;
use roost_host_api::{ErrorBody, VolumeUsage};
use roost_model::{SnapshotId, VolumeId};
use tokio::sync::{OwnedMutexGuard, watch};

use super::{SnapshotRecord, VolumeRecord, no_snapshot, no_volume};
use crate::{
    step::Step,
    store::{Store, StoreError},
};

pub struct Table {
    store: Store,
    state: Mutex<State>,
    /// Held from the look at a record to its save.
    turn: tokio::sync::Mutex<()>,
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    volumes: BTreeMap<VolumeId, Entry>,
    snapshots: BTreeMap<SnapshotId, SnapshotRecord>,
}

struct Entry {
    record: VolumeRecord,
    busy: Arc<Busy>,
    /// As the guest last told.
    usage: Option<VolumeUsage>,
}

/// The right to work on a volume's disk.
#[derive(Default)]
pub struct Busy {
    lock: Arc<tokio::sync::Mutex<()>>,
    /// Machines that wait to boot with the volume.
    boots: AtomicUsize,
}

impl Busy {
    pub async fn work(&self) -> OwnedMutexGuard<()> {
        self.lock.clone().lock_owned().await
    }

    /// As [`Self::work`]; a copy that can be broken off gives way.
    pub async fn boot(&self) -> OwnedMutexGuard<()> {
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.boots.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.boots);
        self.work().await
    }

    pub fn is_wanted(&self) -> bool {
        self.boots.load(Ordering::Relaxed) > 0
    }
}

impl Table {
    pub fn new(store: Store) -> Self {
        let (changes, _) = watch::channel(());
        Self { store, state: Mutex::default(), turn: tokio::sync::Mutex::default(), changes }
    }

    pub async fn load(&self) -> Result<(), StoreError> {
        let (volumes, snapshots) = (self.store.volumes().await?, self.store.snapshots().await?);
        volumes.into_iter().for_each(|record| self.show(record));
        self.lock().snapshots.extend(snapshots.into_iter().map(|record| (record.id.clone(), record)));
        Ok(())
    }

    pub fn volumes(&self) -> Vec<VolumeRecord> {
        self.lock().volumes.values().map(|entry| entry.record.clone()).collect()
    }

    pub fn volume(&self, id: &VolumeId) -> Option<VolumeRecord> {
        self.lock().volumes.get(id).map(|entry| entry.record.clone())
    }

    pub fn snapshots(&self) -> Vec<SnapshotRecord> {
        self.lock().snapshots.values().cloned().collect()
    }

    pub fn snapshot(&self, id: &SnapshotId) -> Option<SnapshotRecord> {
        self.lock().snapshots.get(id).cloned()
    }

    pub fn busy(&self, id: &VolumeId) -> Option<Arc<Busy>> {
        self.lock().volumes.get(id).map(|entry| entry.busy.clone())
    }

    pub fn usage(&self, id: &VolumeId) -> Option<VolumeUsage> {
        self.lock().volumes.get(id)?.usage
    }

    pub fn set_usage(&self, id: &VolumeId, usage: Option<VolumeUsage>) {
        if let Some(entry) = self.lock().volumes.get_mut(id) {
            entry.usage = usage;
        }
    }

    /// Hears of every change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Whoever holds it sees records that nobody changes.
    pub async fn turn(&self) -> Turn<'_> {
        Turn { table: self, _turn: self.turn.lock().await }
    }

    pub async fn change(
        &self,
        id: &VolumeId,
        step: Step,
        change: impl FnOnce(&mut VolumeRecord) -> Result<(), ErrorBody>,
    ) -> Result<VolumeRecord, ErrorBody> {
        let turn = self.turn().await;
        let mut record = self.volume(id).ok_or_else(|| no_volume(id))?;
        change(&mut record)?;
        record.updated_at = Timestamp::now();
        turn.save(record.clone(), step).await?;
        Ok(record)
    }

    pub async fn change_snapshot(
        &self,
        id: &SnapshotId,
        step: Step,
        change: impl FnOnce(&mut SnapshotRecord),
    ) -> Result<SnapshotRecord, ErrorBody> {
        let turn = self.turn().await;
        let mut record = self.snapshot(id).ok_or_else(|| no_snapshot(id))?;
        change(&mut record);
        turn.save_snapshot(record.clone(), step).await?;
        Ok(record)
    }

    fn show(&self, record: VolumeRecord) {
        let mut state = self.lock();
        let entry = state.volumes.entry(record.id.clone());
        entry.and_modify(|entry| entry.record = record.clone()).or_insert_with(|| Entry {
            record,
            busy: Arc::default(),
            usage: None,
        });
        drop(state);
        self.changes.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to change records.
pub struct Turn<'a> {
    table: &'a Table,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Turn<'_> {
    pub async fn save(&self, record: VolumeRecord, step: Step) -> Result<(), StoreError> {
        self.table.store.save_volume(&record, step).await?;
        self.table.show(record);
        Ok(())
    }

    pub async fn save_snapshot(&self, record: SnapshotRecord, step: Step) -> Result<(), StoreError> {
        self.table.store.save_snapshot(&record, step).await?;
        self.table.lock().snapshots.insert(record.id.clone(), record);
        self.table.changes.send_replace(());
        Ok(())
    }

    pub async fn forget(&self, id: &VolumeId) -> Result<(), StoreError> {
        self.table.store.forget_volume(id).await?;
        self.table.lock().volumes.remove(id);
        self.table.changes.send_replace(());
        Ok(())
    }

    pub async fn forget_snapshot(&self, id: &SnapshotId) -> Result<(), StoreError> {
        self.table.store.forget_snapshot(id).await?;
        self.table.lock().snapshots.remove(id);
        self.table.changes.send_replace(());
        Ok(())
    }
}

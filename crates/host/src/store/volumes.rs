//! Volumes and their snapshots in the database.

use roost_model::{SnapshotId, VolumeId};
use rusqlite::params;
use serde::{Serialize, de::DeserializeOwned};

use super::{Store, StoreError, Survives};
use crate::{
    step::Step,
    volumes::{SnapshotRecord, VolumeRecord},
};

impl Store {
    pub async fn volumes(&self) -> Result<Vec<VolumeRecord>, StoreError> {
        self.records("SELECT record FROM volumes ORDER BY id").await
    }

    pub async fn snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.records("SELECT record FROM snapshots ORDER BY id").await
    }

    /// Saves a volume together with the step that is about to be taken.
    pub async fn save_volume(&self, record: &VolumeRecord, step: Step) -> Result<(), StoreError> {
        let save = "INSERT INTO volumes (id, step, record) VALUES (?1, ?2, ?3)
            ON CONFLICT (id) DO UPDATE SET step = ?2, record = ?3";
        self.save_record(save, record.id.as_str(), record, step).await
    }

    pub async fn save_snapshot(&self, record: &SnapshotRecord, step: Step) -> Result<(), StoreError> {
        let save = "INSERT INTO snapshots (id, step, record) VALUES (?1, ?2, ?3)
            ON CONFLICT (id) DO UPDATE SET step = ?2, record = ?3";
        self.save_record(save, record.id.as_str(), record, step).await
    }

    pub async fn forget_volume(&self, id: &VolumeId) -> Result<(), StoreError> {
        self.forget_record("DELETE FROM volumes WHERE id = ?1", id.as_str()).await
    }

    pub async fn forget_snapshot(&self, id: &SnapshotId) -> Result<(), StoreError> {
        self.forget_record("DELETE FROM snapshots WHERE id = ?1", id.as_str()).await
    }

    async fn records<T: DeserializeOwned + Send + 'static>(
        &self,
        select: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        self.run(Survives::PowerLoss, |db| {
            let mut statement = db.prepare(select)?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.map(|row| Ok(serde_json::from_str(&row?)?)).collect()
        })
        .await
    }

    async fn save_record(
        &self,
        save: &'static str,
        id: &str,
        record: &impl Serialize,
        step: Step,
    ) -> Result<(), StoreError> {
        let (id, json) = (id.to_owned(), serde_json::to_string(record)?);
        self.run(Survives::PowerLoss, move |db| {
            db.execute(save, params![id, step.name(), json])?;
            Ok(())
        })
        .await?;
        step.crash_point();
        Ok(())
    }

    async fn forget_record(&self, delete: &'static str, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.run(Survives::PowerLoss, move |db| {
            db.execute(delete, [id])?;
            Ok(())
        })
        .await
    }
}

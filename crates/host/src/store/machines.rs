//! Machines in the database.

use roost_model::{AppName, MachineId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError, Survives, versions};
use crate::{
    record::{Place, Record},
    step::Step,
};

/// What came of the wish to record a new machine.
#[derive(Debug)]
pub enum NewMachine {
    Made(Box<Record>),
    /// The id is taken: the same call came before.
    Exists,
    NameTaken {
        by: MachineId,
    },
}

impl Store {
    /// Every machine, destroyed ones included.
    pub async fn machines(&self) -> Result<Vec<Record>, StoreError> {
        self.run(Survives::PowerLoss, |db| {
            let mut statement = db.prepare("SELECT record FROM machines ORDER BY id")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            rows.map(|row| Ok(serde_json::from_str(&row?)?)).collect()
        })
        .await
    }

    /// Records a new machine in the place that it is given: a number never used before, and the
    /// free slot below `slots` that was free for longest.
    pub async fn create(
        &self,
        slots: u32,
        id: MachineId,
        app: AppName,
        name: String,
        build: impl FnOnce(Place) -> Record + Send + 'static,
    ) -> Result<NewMachine, StoreError> {
        let made = self.run(Survives::PowerLoss, move |db| {
            let found = "SELECT 1 FROM machines WHERE id = ?1";
            if db.query_row(found, [id.as_str()], |_| Ok(())).optional()?.is_some() {
                return Ok(NewMachine::Exists);
            }
            let named = "SELECT id FROM machines WHERE app = ?1 AND name = ?2";
            let taken: Option<String> =
                db.query_row(named, [app.as_str(), &name], |row| row.get(0)).optional()?;
            if let Some(by) = taken.and_then(|by| by.parse().ok()) {
                return Ok(NewMachine::NameTaken { by });
            }
            let place = Place { number: next(db, "number")?, slot: free_slot(db, slots)? };
            let record = build(place);
            db.execute(
                "INSERT INTO machines (id, app, name, slot, step, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    id.as_str(),
                    app.as_str(),
                    name,
                    place.slot,
                    Step::Create.name(),
                    serde_json::to_string(&record)?
                ],
            )?;
            Ok(NewMachine::Made(Box::new(record)))
        });
        let made = made.await?;
        if matches!(made, NewMachine::Made(_)) {
            Step::Create.crash_point();
        }
        Ok(made)
    }

    /// Saves a machine together with the step that it is about to take.
    pub async fn save_at(&self, record: &Record, step: Step, survives: Survives) -> Result<(), StoreError> {
        self.write(record, Some(step), survives).await?;
        step.crash_point();
        Ok(())
    }

    /// Saves a machine of a new version, and keeps the one that it had `before`.
    pub async fn save_replaced(&self, record: &Record, before: &Record) -> Result<(), StoreError> {
        let (id, json) = (record.id.clone(), serde_json::to_string(record)?);
        let (version, config) = (before.instance_id, before.spec.config.clone());
        self.run(Survives::PowerLoss, move |db| {
            let save = "UPDATE machines SET step = ?2, record = ?3 WHERE id = ?1";
            db.execute(save, params![id.as_str(), Step::Replace.name(), json])?;
            versions::keep(db, &id, version, &config)
        })
        .await?;
        Step::Replace.crash_point();
        Ok(())
    }

    /// Saves a machine; its step stays.
    pub async fn save(&self, record: &Record) -> Result<(), StoreError> {
        self.write(record, None, Survives::PowerLoss).await
    }

    /// Records a step that changes nothing else of the record.
    pub async fn record_step(&self, id: &MachineId, step: Step) -> Result<(), StoreError> {
        let id = id.clone();
        self.run(Survives::Crash, move |db| {
            db.execute("UPDATE machines SET step = ?2 WHERE id = ?1", [id.as_str(), step.name()])?;
            Ok(())
        })
        .await?;
        step.crash_point();
        Ok(())
    }

    /// The step that was recorded last.
    pub async fn last_step(&self, id: &MachineId) -> Result<Option<Step>, StoreError> {
        let id = id.clone();
        self.run(Survives::Crash, move |db| {
            let step = "SELECT step FROM machines WHERE id = ?1";
            let name: Option<String> = db.query_row(step, [id.as_str()], |row| row.get(0)).optional()?;
            Ok(name.and_then(|name| name.parse().ok()))
        })
        .await
    }

    /// Saves a destroyed machine, and frees its name and slot for others.
    pub async fn bury(&self, record: &Record) -> Result<(), StoreError> {
        let (id, json) = (record.id.clone(), serde_json::to_string(record)?);
        self.run(Survives::PowerLoss, move |db| {
            db.execute(
                "UPDATE machines SET name = NULL, slot = NULL, step = ?2, record = ?3 WHERE id = ?1",
                [id.as_str(), Step::Destroyed.name(), &json],
            )?;
            Ok(())
        })
        .await?;
        Step::Destroyed.crash_point();
        Ok(())
    }

    /// Drops the record of a destroyed machine.
    pub async fn forget(&self, id: &MachineId) -> Result<(), StoreError> {
        let id = id.clone();
        self.run(Survives::PowerLoss, move |db| {
            db.execute("DELETE FROM machines WHERE id = ?1", [id.as_str()])?;
            Ok(())
        })
        .await
    }

    async fn write(&self, record: &Record, step: Option<Step>, survives: Survives) -> Result<(), StoreError> {
        let (id, json) = (record.id.clone(), serde_json::to_string(record)?);
        let name = record.name.clone();
        self.run(survives, move |db| {
            let save = "UPDATE machines SET name = ?2, step = coalesce(?3, step), record = ?4 WHERE id = ?1";
            db.execute(save, params![id.as_str(), name, step.map(Step::name), json])?;
            Ok(())
        })
        .await
    }
}

/// The next value of a counter, from 1.
fn next(db: &Connection, name: &str) -> Result<u32, StoreError> {
    let increment = "INSERT INTO counters VALUES (?1, 1)
        ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value";
    Ok(db.query_row(increment, [name], |row| row.get(0))?)
}

/// The first free slot after the one given out last, so that an address rests before it is used by
/// another machine: connections that someone keeps to the old one must not reach the new one.
fn free_slot(db: &Connection, slots: u32) -> Result<u32, StoreError> {
    let mut taken = db.prepare_cached("SELECT 1 FROM machines WHERE slot = ?1")?;
    for _ in 0..slots {
        let slot = next(db, "slot")? % slots;
        if !taken.exists([slot])? {
            return Ok(slot);
        }
    }
    Err(StoreError::Full { limit: slots })
}

//! The configurations that a machine had before its present one.

use roost_model::{InstanceId, MachineConfig, MachineId};
use rusqlite::{Connection, params};

use super::{Store, StoreError, Survives};

/// What is kept of a machine's history, the newest: enough to see what changed and to go back by hand.
const MAX_VERSIONS: u32 = 20;
const MAX_VERSION_BYTES: u32 = 4 << 20;

impl Store {
    /// Newest first.
    pub async fn versions(&self, id: &MachineId) -> Result<Vec<(InstanceId, MachineConfig)>, StoreError> {
        let id = id.clone();
        self.run(Survives::Crash, move |db| {
            let query =
                "SELECT instance_id, config FROM versions WHERE machine = ?1 ORDER BY instance_id DESC";
            let mut statement = db.prepare_cached(query)?;
            let rows = statement
                .query_map([id.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            let mut versions = Vec::new();
            for row in rows {
                let (version, config) = row?;
                let Ok(version) = version.parse() else { continue };
                versions.push((version, serde_json::from_str(&config)?));
            }
            Ok(versions)
        })
        .await
    }
}

/// Keeps a version that another one takes the place of, and forgets the oldest ones.
pub fn keep(
    db: &Connection,
    id: &MachineId,
    version: InstanceId,
    config: &MachineConfig,
) -> Result<(), StoreError> {
    db.execute(
        "INSERT OR REPLACE INTO versions VALUES (?1, ?2, ?3)",
        params![id.as_str(), version.to_string(), serde_json::to_string(config)?],
    )?;
    db.execute(
        "DELETE FROM versions WHERE machine = ?1 AND instance_id IN (
            SELECT instance_id FROM (
                SELECT instance_id, row_number() OVER newest AS place, sum(length(config)) OVER newest AS bytes
                FROM versions WHERE machine = ?1 WINDOW newest AS (ORDER BY instance_id DESC)
            ) WHERE place > ?2 OR bytes > ?3)",
        params![id.as_str(), MAX_VERSIONS, MAX_VERSION_BYTES],
    )?;
    Ok(())
}

//! What a host asks of a guest about a mounted volume, and what it answers.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum VolumeAction {
    /// Write everything that is to be on the disk, and hold all further writes. Ends by itself after the
    /// timeout, at the end of the session, and when the machine is to stop.
    Freeze { timeout_ms: u64 },
    /// Let writes go on. Done means that they were held until now.
    Thaw,
    /// The disk has so many bytes now: make the file system as large.
    Grow { bytes: u64 },
    /// Tell how full the file system is.
    Measure,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum VolumeAnswer {
    Done,
    Measured(VolumeMeasure),
    Failed { reason: String },
}

/// Numbers of statfs(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeMeasure {
    /// Bytes of a block.
    pub block_size: u64,
    pub blocks: u64,
    pub blocks_free: u64,
    pub blocks_avail: u64,
}

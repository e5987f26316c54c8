//! Volumes: disks of their own that outlive the machines they are in.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::InvalidId;

/// Bytes of a gigabyte, as volumes are measured.
pub const GB: u64 = 1 << 30;

/// Days that snapshots are kept when nobody says otherwise, and what may be said.
pub const DEFAULT_SNAPSHOT_RETENTION_DAYS: u32 = 5;
pub const SNAPSHOT_RETENTION_DAYS: std::ops::RangeInclusive<u32> = 1..=60;

/// Size of a volume when nobody says otherwise.
pub const DEFAULT_VOLUME_GB: u32 = 1;

/// State of a volume, as the Machines API spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VolumeState {
    /// Recorded; its disk is being formatted.
    Creating,
    /// There to be used.
    Created,
    /// Its disk is being filled from a snapshot.
    Restoring,
    /// Its disk is being filled from another volume.
    Hydrating,
    /// A larger size is recorded; the disk is being made larger.
    Extending,
    /// Destroyed by a person; the disk is kept for a while and can be had back.
    PendingDestroy,
}

impl VolumeState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Restoring => "restoring",
            Self::Hydrating => "hydrating",
            Self::Extending => "extending",
            Self::PendingDestroy => "pending_destroy",
        }
    }

    /// The disk holds what it is to hold.
    pub fn has_disk(self) -> bool {
        matches!(self, Self::Created | Self::Extending)
    }
}

impl fmt::Display for VolumeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// State of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// Another snapshot is being taken first.
    Waiting,
    Running,
    Created,
    /// It could not be taken.
    Failed,
}

impl SnapshotState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Created => "created",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for SnapshotState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Name of volumes: an app may have several of one name, and a machine takes any of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VolumeName(String);

text_schema!(VolumeName, "^[a-z0-9_]{1,30}$");

/// As in the Machines API.
const MAX_NAME: usize = 30;

impl VolumeName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VolumeName {
    type Err = InvalidId;

    fn from_str(s: &str) -> Result<Self, InvalidId> {
        let invalid = |reason| InvalidId { kind: "volume name", value: s.to_owned(), reason };
        if s.is_empty() || s.len() > MAX_NAME {
            return Err(invalid("it must have 1 to 30 characters"));
        }
        if !s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
            return Err(invalid("it may hold only lower-case letters, digits and underscores"));
        }
        Ok(Self(s.to_owned()))
    }
}

impl TryFrom<String> for VolumeName {
    type Error = InvalidId;

    fn try_from(s: String) -> Result<Self, InvalidId> {
        s.parse()
    }
}

impl From<VolumeName> for String {
    fn from(name: VolumeName) -> String {
        name.0
    }
}

impl fmt::Display for VolumeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! Errors of a host's API.

use serde::{Deserialize, Serialize};

/// Body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ErrorBody {
    pub code: ErrorCode,
    /// A sentence for people: what was wrong, where, and what to do.
    pub message: String,
}

/// Stable; callers branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    InvalidRequest,
    MachineNotFound,
    VolumeNotFound,
    SnapshotNotFound,
    /// A machine has the volume.
    VolumeInUse,
    NameTaken,
    /// The machine's state does not allow it.
    WrongState,
    LeaseHeld,
    LeaseNotFound,
    VersionMismatch,
    NoCapacity,
    ReservationNotFound,
    ImageUnavailable,
    Timeout,
    /// The guest is not there to answer.
    GuestUnavailable,
    Internal,
}

impl ErrorCode {
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::MachineNotFound
            | Self::VolumeNotFound
            | Self::SnapshotNotFound
            | Self::LeaseNotFound
            | Self::ReservationNotFound => 404,
            Self::Timeout => 408,
            Self::NameTaken | Self::LeaseHeld | Self::VersionMismatch | Self::VolumeInUse => 409,
            Self::WrongState => 412,
            Self::ImageUnavailable => 422,
            Self::GuestUnavailable | Self::NoCapacity => 503,
            Self::Internal => 500,
        }
    }
}

//! The body of every answer that is not a success.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// A sentence for people: what was wrong, and what to do.
    pub error: String,
    /// Stable; programs branch on it.
    pub status: ErrorCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    InvalidRequest,
    InvalidConfig,
    Unauthorized,
    Forbidden,
    MethodNotAllowed,
    /// The body is not what the call reads, whatever is in it.
    UnsupportedMediaType,
    TooLarge,
    /// Too many calls of a kind; the header `retry-after` says when to send it again.
    RateLimited,
    NotFound,
    AppNotFound,
    MachineNotFound,
    VolumeNotFound,
    SnapshotNotFound,
    ReleaseNotFound,
    NameTaken,
    /// The public port is another app's, or the platform's.
    PortTaken,
    /// The machine's or the app's state does not allow it.
    WrongState,
    DeployRunning,
    LeaseHeld,
    /// A machine has the volume.
    VolumeInUse,
    LeaseNotFound,
    VersionMismatch,
    /// What the caller said about the present version does not hold.
    PreconditionFailed,
    InsufficientCapacity,
    ImageUnavailable,
    /// The certificate, its chain or its key is not good for the name.
    InvalidCertificate,
    Timeout,
    /// The platform does not offer it; the error says what to use instead.
    Unsupported,
    /// The host (or the guest) is not there to answer.
    Unavailable,
    /// The client's mistake is not one of the above, or a code of a newer server.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The HTTP status that goes with it.
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::InvalidConfig => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound
            | Self::AppNotFound
            | Self::MachineNotFound
            | Self::VolumeNotFound
            | Self::SnapshotNotFound
            | Self::ReleaseNotFound
            | Self::LeaseNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::NameTaken
            | Self::PortTaken
            | Self::DeployRunning
            | Self::LeaseHeld
            | Self::VolumeInUse
            | Self::VersionMismatch => 409,
            Self::WrongState | Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::ImageUnavailable | Self::InvalidCertificate | Self::Unsupported => 422,
            Self::RateLimited => 429,
            Self::Unknown => 500,
            // 503 would make clients send the same again by themselves; for these, a person decides.
            Self::InsufficientCapacity => 422,
            Self::Unavailable => 504,
        }
    }
}

//! What can go wrong between a host agent and a guest.

use crate::{PROTOCOL, frame::FrameError};

#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    #[error("the channel to the guest failed")]
    Io(#[from] std::io::Error),
    #[error("the channel to the guest is closed")]
    Closed,
    #[error("the guest speaks version {guest} of the protocol, the host version {PROTOCOL}")]
    Protocol { guest: u32 },
    #[error("the guest did not answer within {seconds} s")]
    Timeout { seconds: u64 },
    #[error("the message cannot be sent: {0}")]
    Message(FrameError),
    #[error("too many requests to this guest are under way ({limit})")]
    Busy { limit: usize },
    #[error("the guest could not: {reason}")]
    Refused { reason: String },
}

impl GuestError {
    /// Whether the same call on a new connection may succeed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, GuestError::Protocol { .. } | GuestError::Message(_))
    }
}

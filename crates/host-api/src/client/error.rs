//! The ways in which a call to a host can fail.

use crate::{ErrorBody, ErrorCode};

#[derive(Debug, Clone, thiserror::Error)]
pub enum HostError {
    /// The host answered with an error.
    #[error(transparent)]
    Refused(ErrorBody),
    /// No connection: the call never reached the host.
    #[error("the host does not answer on {socket}: {reason}; is `roost server` running?")]
    Unreachable { socket: String, reason: String },
    /// The connection broke after the call was sent: it may have been carried out.
    #[error("the connection to the host broke: {0}")]
    Broken(String),
    /// No answer in time: the call may have been carried out, or may yet be.
    #[error("the host did not answer within {secs} s")]
    Silent { secs: u64 },
    /// The answer is not what this version understands.
    #[error("the host's answer can not be understood: {0}")]
    Protocol(String),
}

impl HostError {
    /// The host's own code, when it answered.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(body) => Some(body.code),
            _ => None,
        }
    }

    /// The call certainly had no effect, so that another host (or the same again) may be asked.
    pub fn nothing_was_done(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(body) => !matches!(body.code, ErrorCode::Internal | ErrorCode::Timeout),
            Self::Broken(_) | Self::Silent { .. } | Self::Protocol(_) => false,
        }
    }
}

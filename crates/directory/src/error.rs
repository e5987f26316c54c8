//! The ways in which the directory can refuse or fail.

use crate::{LeaseId, Revision};

#[derive(Debug, Clone, thiserror::Error)]
pub enum DirectoryError {
    /// Read everything again, then watch from the revision of that reading.
    #[error("changes from revision {requested} on are no longer kept; the oldest kept is {oldest}")]
    Compacted { requested: Revision, oldest: Revision },
    /// It lapsed, was revoked, or never existed.
    #[error("the directory has no lease {0}")]
    LeaseNotFound(LeaseId),
    /// A bound was passed, or the request contradicts itself.
    #[error("invalid directory request: {0}")]
    InvalidRequest(String),
    /// The backend can not be reached, or has been closed.
    #[error("the directory does not answer: {0}")]
    Unavailable(String),
    /// The backend failed. Nothing of the request was kept.
    #[error("the directory failed: {0}")]
    Storage(String),
}

impl DirectoryError {
    /// The same request may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

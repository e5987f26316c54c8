//! How an edge ends whose process is replaced: the next one accepts in its place, and what is open here goes on until
//! it ends by itself, within a limit.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Begun at most once; clones are handles.
#[derive(Debug, Clone, Default)]
pub struct Handover(Arc<OnceLock<Duration>>);

impl Handover {
    /// From now on the end of the edge is a handover: connections may go on for `limit`.
    pub fn begin(&self, limit: Duration) {
        let _ = self.0.set(limit);
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.0.get().copied()
    }
}

//! The machines of one app, as routing sees them.

use std::sync::Arc;

use crate::Target;

/// Everything that routing needs to know of one app. Immutable: a change makes a new one.
#[derive(Debug, Clone, Default)]
pub struct App {
    /// Machines that exist; destroyed ones are left out.
    pub targets: Vec<Arc<Target>>,
}

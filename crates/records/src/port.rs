//! Public ports beside those of HTTP, and the apps that have them.

use jiff::Timestamp;
use roost_model::AppName;
use serde::{Deserialize, Serialize};

use crate::Record;

/// Whose a public port is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRecord {
    /// The one app that has it; absent: apps share it, told apart by the names that clients say.
    pub app: Option<AppName>,
    /// When that was decided.
    pub since: Timestamp,
}

impl Record for PortRecord {}

//! What this host has for running machines, and what it lacks.

use crate::VmmConfig;

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub what: String,
    pub state: FindingState,
    pub detail: String,
    /// The command that helps.
    pub fix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingState {
    Found,
    Missing,
    Broken,
}

/// Looks without changing anything; takes milliseconds.
pub fn inspect(config: &VmmConfig) -> Vec<Finding> {
    let _ = config;
    Vec::new()
}

//! What each part alone cannot see.
use crate::{AppConfig, Problem};
impl AppConfig {
    /// wip
    pub fn validate(&self) -> Vec<Problem> {
        Vec::new()
    }
}

//! How a host introduces a machine that calls the api: the first line of each connection.

use roost_model::{AppName, MachineId};
use serde::{Deserialize, Serialize};

/// Longest line, its end included.
pub const MAX_INTRODUCTION: usize = 512;

/// JSON, in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    pub app: AppName,
    pub machine: MachineId,
}

impl Introduction {
    pub fn line(&self) -> Vec<u8> {
        // Two texts: that can always be written.
        let mut line = serde_json::to_vec(self).expect("an introduction is plain JSON");
        line.push(b'\n');
        line
    }
}

//! The limits: those of the Machines API by default, and one of our own for machines.

use axum::http::Method;
use serde::{Deserialize, Serialize};

/// So many calls a second in the long run, so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub per_second: f64,
    pub burst: u32,
}

/// What shares a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Calls about one app, machine or volume.
    Each,
    /// Calls about all of them.
    Together,
}

/// Of one caller, for one action and one app or machine, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    pub enabled: bool,
    /// Calls about machines and volumes that change something.
    pub changes: Rate,
    /// Calls about machines and volumes that read, waits among them.
    pub reads: Rate,
    /// Deletions of apps, all of a caller together.
    pub app_deletions: Rate,
    /// All calls of one machine through its own socket together, without a token.
    pub machine_calls: Rate,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            enabled: true,
            changes: Rate { per_second: 1.0, burst: 3 },
            reads: Rate { per_second: 5.0, burst: 10 },
            app_deletions: Rate { per_second: 100.0 / 60.0, burst: 100 },
            machine_calls: Rate { per_second: 5.0, burst: 20 },
        }
    }
}

impl RateLimits {
    /// Nothing is counted.
    pub fn none() -> Self {
        Self { enabled: false, ..Self::default() }
    }

    /// What bounds a call with a token; `None`: nothing does.
    pub fn of(&self, method: &Method, route: &str) -> Option<(Rate, Counted)> {
        let about_machines = ["/machines", "/volumes"]
            .iter()
            .any(|part| route.starts_with("/v1/apps/") && route.contains(part));
        let rate = match *method {
            Method::DELETE if route == "/v1/apps/{app_name}" => {
                return Some((self.app_deletions, Counted::Together));
            }
            // A lease is asked for again and again by design, to keep it and to get it.
            _ if route.ends_with("/lease") => self.reads,
            Method::GET | Method::HEAD if about_machines => self.reads,
            _ if about_machines => self.changes,
            _ => return None,
        };
        Some((rate, Counted::Each))
    }
}

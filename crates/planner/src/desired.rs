//! What a release wants.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// The machines that a release wants, by process group. Groups that are not named are removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// Version of the release; a machine of another version is replaced.
    pub release: u64,
    pub strategy: Strategy,
    pub max_unavailable: MaxUnavailable,
    pub groups: BTreeMap<String, DesiredGroup>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DesiredGroup {
    pub count: u32,
    pub replacement: Replacement,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The first machine alone, then batches; each must become healthy.
    #[default]
    Rolling,
    /// All at once; each must start, none must become healthy.
    Immediate,
}

/// How a machine of a group gives way to one of the new release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// A new machine takes requests before the old one stops: for groups that serve. No request
    /// fails, not even with a count of one.
    CreateFirst,
    /// The machine itself is updated: for groups whose machines have volumes, and for groups that
    /// nobody sends requests to, where two at work at once could do harm.
    InPlace,
}

impl Replacement {
    pub fn of(has_services: bool, has_mounts: bool) -> Self {
        if has_services && !has_mounts { Self::CreateFirst } else { Self::InPlace }
    }
}

/// How many machines of a group may be replaced at once: a number (from 1 on), or a fraction.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct MaxUnavailable(f64);

#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("max_unavailable must be more than 0, not {0}")]
pub struct InvalidMaxUnavailable(f64);

impl MaxUnavailable {
    /// # Errors
    /// The value is not a number above 0.
    pub fn new(value: f64) -> Result<Self, InvalidMaxUnavailable> {
        if value.is_finite() && value > 0.0 { Ok(Self(value)) } else { Err(InvalidMaxUnavailable(value)) }
    }

    /// Machines at once in a group of `count`, at least 1: a fraction rounds up.
    pub fn of(self, count: usize) -> usize {
        let machines = if self.0 < 1.0 { (self.0 * count as f64).ceil() } else { self.0.floor() };
        (machines as usize).clamp(1, count.max(1))
    }
}

impl Default for MaxUnavailable {
    /// A third of the group.
    fn default() -> Self {
        Self(0.33)
    }
}

impl TryFrom<f64> for MaxUnavailable {
    type Error = InvalidMaxUnavailable;

    fn try_from(value: f64) -> Result<Self, InvalidMaxUnavailable> {
        Self::new(value)
    }
}

impl From<MaxUnavailable> for f64 {
    fn from(value: MaxUnavailable) -> f64 {
        value.0
    }
}

impl fmt::Display for MaxUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

//! `[deploy]`: how a release takes the place of the one before.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_with::skip_serializing_none;

use super::Vm;
use crate::forms::Seconds;

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    pub strategy: Option<StrategyName>,
    /// From 1 on a number of machines, below it a fraction of the group; 0.33 when absent.
    pub max_unavailable: Option<f64>,
    pub release_command: Option<String>,
    pub release_command_timeout: Option<TimeLimit>,
    pub release_command_vm: Option<Vm>,
    /// How long each machine may take to be started and healthy; 5 minutes when absent.
    pub wait_timeout: Option<Seconds>,
    pub seed_command: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StrategyName {
    #[default]
    Rolling,
    Canary,
    Bluegreen,
    Immediate,
}

impl StrategyName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::Canary => "canary",
            Self::Bluegreen => "bluegreen",
            Self::Immediate => "immediate",
        }
    }
}

/// A duration, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    Within(Seconds),
    None,
}

impl TimeLimit {
    pub fn duration(self) -> Option<Duration> {
        match self {
            Self::Within(Seconds(duration)) => Some(duration),
            Self::None => None,
        }
    }
}

impl Serialize for TimeLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Within(limit) => limit.serialize(serializer),
            Self::None => serializer.serialize_str("none"),
        }
    }
}

impl<'de> Deserialize<'de> for TimeLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = TimeLimit;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a duration such as \"5m\", a number of seconds, or \"none\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<TimeLimit, E> {
                if text == "none" {
                    return Ok(TimeLimit::None);
                }
                Seconds::from_text(text).map(TimeLimit::Within).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<TimeLimit, E> {
                u64::try_from(n)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(n), &self))
                    .and_then(|n| self.visit_u64(n))
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<TimeLimit, E> {
                Ok(TimeLimit::Within(Seconds(Duration::from_secs(n))))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

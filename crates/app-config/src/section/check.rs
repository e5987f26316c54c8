//! Checks: of a service, of the machine itself, and those that run in a machine of their own.

use std::collections::BTreeMap;

use roost_model::service::CheckKind;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::forms::{self, Millis, Seconds, is_default};

/// A check by connecting or by an HTTP request. Bare integers of durations are milliseconds.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Check {
    /// Needed in `[checks]`; elsewhere the section's name says it.
    #[serde(rename = "type")]
    pub kind: Option<CheckKind>,
    /// The service's internal port when absent.
    pub port: Option<u16>,
    pub interval: Option<Millis>,
    pub timeout: Option<Millis>,
    /// Failures this soon after a start do not count.
    pub grace_period: Option<Millis>,
    pub method: Option<String>,
    pub path: Option<String>,
    /// `http` or `https`.
    pub protocol: Option<String>,
    pub tls_server_name: Option<String>,
    pub tls_skip_verify: Option<bool>,
    #[serde(deserialize_with = "forms::text_map", skip_serializing_if = "is_default")]
    pub headers: BTreeMap<String, String>,
    /// Only in `[checks]`: the groups that have it; all when empty.
    #[serde(skip_serializing_if = "is_default")]
    pub processes: Vec<String>,
}

/// A command that is run in a machine of its own against a new machine.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineCheck {
    pub image: Option<String>,
    #[serde(deserialize_with = "forms::words", skip_serializing_if = "is_default")]
    pub entrypoint: Vec<String>,
    #[serde(deserialize_with = "forms::words", skip_serializing_if = "is_default")]
    pub command: Vec<String>,
    pub kill_signal: Option<String>,
    pub kill_timeout: Option<Seconds>,
}

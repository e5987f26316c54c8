//! Services: how the edge reaches a machine, and the checks that say whether it should.

use std::{borrow::Cow, collections::BTreeMap, num::NonZeroU32};

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{GoDuration, Port};

type Extra = serde_json::Map<String, serde_json::Value>;

/// One service of a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    #[serde(default = "tcp")]
    pub protocol: Protocol,
    pub internal_port: u16,
    #[serde(default)]
    pub ports: Vec<Port>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<ServiceCheck>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Start a sleeping machine when a request needs it. The Machines API's default is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autostart: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autostop: Option<Autostop>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_machines_running: Option<u32>,
    /// Networks whose clients are served; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub allow_from: Option<Vec<IpNet>>,
    /// Networks whose clients are not, even if they are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<String>>")]
    pub deny_from: Option<Vec<IpNet>>,
    /// How often all clients of the app together may ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// Connections of all clients of the app together, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<NonZeroU32>,
    /// Tell each request in the app's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log: Option<bool>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// Requests, or connections where they are not HTTP, that one node takes for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub per_second: NonZeroU32,
    /// At once; those of a second when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
}

impl RateLimit {
    pub fn burst(&self) -> NonZeroU32 {
        self.burst.unwrap_or(self.per_second)
    }
}

fn tcp() -> Protocol {
    Protocol::Tcp
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What to do with an idle machine; on the wire also `false` (off) and `true` (stop).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Autostop {
    #[default]
    Off,
    Stop,
    Suspend,
}

impl Serialize for Autostop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_str("off"),
            Self::Stop => serializer.serialize_str("stop"),
            Self::Suspend => serializer.serialize_str("suspend"),
        }
    }
}

impl JsonSchema for Autostop {
    fn schema_name() -> Cow<'static, str> {
        "Autostop".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        match generator.contract().is_serialize() {
            true => json_schema!({ "type": "string", "enum": ["off", "stop", "suspend"] }),
            false => json_schema!({ "enum": ["off", "stop", "suspend", true, false] }),
        }
    }
}

impl<'de> Deserialize<'de> for Autostop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Flag(bool),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Flag(false) => Ok(Self::Off),
            Form::Flag(true) => Ok(Self::Stop),
            Form::Text(text) => match text.as_str() {
                "off" => Ok(Self::Off),
                "stop" => Ok(Self::Stop),
                "suspend" => Ok(Self::Suspend),
                other => Err(serde::de::Error::custom(format!(
                    "unknown autostop \"{other}\": use \"off\", \"stop\" or \"suspend\""
                ))),
            },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Handler {
    Http,
    Tls,
    PgTls,
    ProxyProto,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Concurrency {
    #[serde(rename = "type", default)]
    pub kind: ConcurrencyKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_limit: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConcurrencyKind {
    #[default]
    Connections,
    Requests,
}

/// A health check: of a service, or (with `port` set) of the machine itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceCheck {
    #[serde(rename = "type", default)]
    pub kind: CheckKind,
    /// The service's internal port when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<GoDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
    /// Failures this soon after a start do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_period: Option<GoDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `http` or `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_server_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_skip_verify: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<CheckHeader>,
    /// Only for checks of the machine itself; those of a service always keep requests away.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "kind")]
    pub effect: Option<CheckEffect>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a failing check of the machine itself does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckEffect {
    /// It is shown, and a deploy waits for it.
    #[default]
    Informational,
    /// It keeps requests away, too.
    Readiness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    #[default]
    Tcp,
    Http,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckHeader {
    pub name: String,
    #[serde(default)]
    pub values: Vec<String>,
}

/// What a check found last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckStatus {
    /// `servicecheck-<nn>-<type>-<port>` for a service's check, else the check's own name.
    pub name: String,
    pub status: CheckResult,
    /// What the check saw: a status line, an error; at most a few hundred bytes.
    pub output: String,
    pub updated_at: jiff::Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    Passing,
    /// Not known yet: no probe has finished since the machine started.
    Warning,
    Critical,
}

/// Checks of a machine by name.
pub type NamedChecks = BTreeMap<String, ServiceCheck>;

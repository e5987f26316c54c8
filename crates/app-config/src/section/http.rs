//! Options of a public port: HTTP, TLS and the PROXY protocol.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_with::skip_serializing_none;

use crate::forms::is_default;

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpOptions {
    pub compress: Option<bool>,
    pub response: Option<ResponseOptions>,
    /// Talk HTTP/2 without TLS to the app.
    pub h2_backend: Option<bool>,
    /// Seconds.
    pub idle_timeout: Option<u32>,
    /// Seconds.
    pub headers_read_timeout: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub replay_cache: Vec<ReplayCache>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub headers: BTreeMap<String, HeaderRule>,
    /// Add and change no response header of the proxy's own.
    pub pristine: Option<bool>,
}

/// What happens to a response header: set to a value or several, or removed (`false`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderRule {
    Set(String),
    SetAll(Vec<String>),
    Remove,
}

impl Serialize for HeaderRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(value) => serializer.serialize_str(value),
            Self::SetAll(values) => values.serialize(serializer),
            Self::Remove => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for HeaderRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = HeaderRule;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a header's value, a list of values, or false to remove it")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<HeaderRule, E> {
                Ok(HeaderRule::Set(value.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, set: bool) -> Result<HeaderRule, E> {
                if set {
                    return Err(E::invalid_value(de::Unexpected::Bool(true), &self));
                }
                Ok(HeaderRule::Remove)
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<HeaderRule, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(HeaderRule::SetAll)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Which answers of `fly-replay` are remembered, and by what.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplayCache {
    pub path_prefix: String,
    pub ttl_seconds: Option<u32>,
    /// `cookie` or `header`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Of the cookie or header.
    pub name: Option<String>,
    pub allow_bypass: Option<bool>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsOptions {
    #[serde(skip_serializing_if = "is_default")]
    pub alpn: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub versions: Vec<String>,
    pub default_self_signed: Option<bool>,
}

#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProxyProtoOptions {
    /// `v1` or `v2`; v1 when absent.
    pub version: Option<String>,
}

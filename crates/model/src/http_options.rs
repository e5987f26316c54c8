//! Options of a port that speaks HTTP: what the edge does with requests and answers on their way.

use std::{borrow::Cow, collections::BTreeMap, num::NonZeroU32, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `http_options` of a port.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpOptions {
    /// Compress answers for clients that accept it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compress: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseOptions>,
    /// Talk HTTP/2 without TLS to the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h2_backend: Option<bool>,
    /// Seconds in which nothing moves, after which a request or a tunnel ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<NonZeroU32>,
    /// Seconds that the head of a request may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers_read_timeout: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replay_cache: Vec<ReplayCache>,
}

impl HttpOptions {
    pub fn speaks_h2(&self) -> bool {
        self.h2_backend == Some(true)
    }

    pub fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout.map(|seconds| Duration::from_secs(seconds.get().into()))
    }

    pub fn headers_read_timeout(&self) -> Option<Duration> {
        self.headers_read_timeout.map(|seconds| Duration::from_secs(seconds.get().into()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseOptions {
    #[serde(skip_serializing_if = "HeaderRules::is_empty")]
    pub headers: HeaderRules,
    /// Add no response header of the edge's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pristine: Option<bool>,
}

/// What happens to headers of answers, by name. Names and values can be sent, and none says how the message
/// is framed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, HeaderRule>")]
pub struct HeaderRules(BTreeMap<String, HeaderRule>);

/// Headers that are a connection's or a body's, not an answer's: to change them would break it.
const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl HeaderRules {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &HeaderRule)> {
        self.0.iter().map(|(name, rule)| (name.as_str(), rule))
    }
}

impl TryFrom<BTreeMap<String, HeaderRule>> for HeaderRules {
    type Error = String;

    fn try_from(rules: BTreeMap<String, HeaderRule>) -> Result<Self, String> {
        for (name, rule) in &rules {
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(format!("\"{}\" is no name of a header", name.escape_debug()));
            }
            if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
                return Err(format!(
                    "the header {name} says how the message is framed: leave it to the edge"
                ));
            }
            if rule.values().iter().any(|value| !value.bytes().all(is_field_byte)) {
                return Err(format!("the header {name} can not have that value: it has control characters"));
            }
        }
        Ok(Self(rules))
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110, section 5.5.
fn is_field_byte(byte: u8) -> bool {
    byte == b'\t' || byte >= b' ' && byte != 0x7f
}

/// What happens to a response header: set to a value or several, or removed (`false`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderRule {
    Set(String),
    SetAll(Vec<String>),
    Remove,
}

impl HeaderRule {
    /// The values that the header shall have; none removes it.
    pub fn values(&self) -> &[String] {
        match self {
            Self::Set(value) => std::slice::from_ref(value),
            Self::SetAll(values) => values,
            Self::Remove => &[],
        }
    }
}

impl JsonSchema for HeaderRule {
    fn schema_name() -> Cow<'static, str> {
        "HeaderRule".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A header's value, a list of values, or false to remove it.",
            "anyOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" } },
                { "const": false },
            ],
        })
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReplayCache {
    pub path_prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ReplayCacheKind>,
    /// Of the cookie or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_bypass: Option<bool>,
}

impl ReplayCache {
    /// The shortest time for which a replay is kept: less is not worth remembering.
    pub const SHORTEST_TTL_SECS: u32 = 10;

    /// Most rules of one port: each request is compared with all of them.
    pub const MAX_RULES: usize = 64;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReplayCacheKind {
    Cookie,
    Header,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_come_back_as_they_were_sent() {
        let sent = json!({
            "compress": true, "h2_backend": false, "idle_timeout": 60, "headers_read_timeout": 10,
            "response": { "headers": { "X-One": "1", "X-Many": ["a", "b"], "Server": false }, "pristine": true },
            "replay_cache": [{ "path_prefix": "/rooms", "ttl_seconds": 60, "type": "cookie", "name": "room" }],
        });
        let options: HttpOptions = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(serde_json::to_value(&options).unwrap(), sent);
    }

    #[test]
    fn what_can_not_be_done_is_refused_and_named() {
        for (options, named) in [
            (json!({ "compression": true }), "compression"),
            (json!({ "idle_timeout": 0 }), "nonzero"),
            (json!({ "response": { "headers": { "Content-Length": "0" } } }), "Content-Length"),
            (json!({ "response": { "headers": { "a b": "0" } } }), "a b"),
            (json!({ "response": { "headers": { "A": "1\r\nB: 2" } } }), "A"),
            (json!({ "response": { "headers": { "A": true } } }), "true"),
            (json!({ "replay_cache": [{ "type": "ip" }] }), "ip"),
        ] {
            let refused = serde_json::from_value::<HttpOptions>(options.clone()).unwrap_err();
            assert!(refused.to_string().contains(named), "{options} gave {refused}");
        }
    }
}

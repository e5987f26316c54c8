//! A public port of a service, and what happens to connections there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HttpOptions, service::Handler};

type Extra = serde_json::Map<String, serde_json::Value>;

/// A public port of a service, or a range of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Port {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handlers: Vec<Handler>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_https: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_options: Option<HttpOptions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_options: Option<TlsOptions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_proto_options: Option<ProxyProtoOptions>,
    #[serde(flatten)]
    pub extra: Extra,
}

impl Port {
    /// First and last public port; `None` when neither form is given.
    pub fn range(&self) -> Option<(u16, u16)> {
        match (self.port, self.start_port, self.end_port) {
            (Some(port), _, _) => Some((port, port)),
            (None, Some(start), Some(end)) => Some((start, end)),
            _ => None,
        }
    }
}

/// How a port speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsOptions {
    /// Protocols of ALPN, the best first; empty: what the handlers speak.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// Empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<TlsVersion>,
    /// Where no certificate is, show one that nobody vouches for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_self_signed: Option<bool>,
}

impl TlsOptions {
    pub fn allows(&self, version: TlsVersion) -> bool {
        self.versions.is_empty() || self.versions.contains(&version)
    }
}

/// Versions of TLS that are spoken at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    #[serde(rename = "TLSv1.2")]
    V1_2,
    #[serde(rename = "TLSv1.3")]
    V1_3,
}

/// What the handler `proxy_proto` sends to the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyProtoOptions {
    /// v1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<ProxyProtocol>,
}

/// Versions of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    #[default]
    V1,
    V2,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_that_do_not_exist_are_refused_and_named() {
        for (port, named) in [
            (json!({ "tls_options": { "versions": ["SSLv3"] } }), "SSLv3"),
            (json!({ "tls_options": { "ciphers": [] } }), "ciphers"),
            (json!({ "proxy_proto_options": { "version": "v3" } }), "v3"),
            (json!({ "http_options": { "compress": "yes" } }), "yes"),
        ] {
            let refused = serde_json::from_value::<Port>(port.clone()).unwrap_err();
            assert!(refused.to_string().contains(named), "{port} gave {refused}");
        }
    }
}

//! The `[registry]` section: where images come from.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::Limits;

/// How registries are reached. All maps are by the registry's name in image references
/// (`docker.io`, `ghcr.io`, `registry.example.com:5000`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullConfig {
    /// Asked in this order, before the registry itself.
    pub mirrors: BTreeMap<String, Vec<Mirror>>,
    /// Registries of which only the mirrors are asked.
    pub mirror_only: Vec<String>,
    /// Also for mirrors, by their host and port.
    pub credentials: BTreeMap<String, Credentials>,
    /// Registries that are spoken to without TLS. Loopback addresses always are.
    pub plain_http: Vec<String>,
    pub limits: Limits,
}

/// A server that answers in place of a registry: `http://127.0.0.1:5000`, or with a path, which is
/// put before the repository's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mirror {
    /// `http` or `https`.
    pub scheme: String,
    /// Host and optional port.
    pub host: String,
    /// Goes before the repository: empty, or `prefix/`.
    pub prefix: String,
}

/// The text is not the address of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid mirror \"{0}\": write http://host:port or https://host[:port][/prefix]")]
pub struct InvalidMirror(String);

impl TryFrom<String> for Mirror {
    type Error = InvalidMirror;

    fn try_from(text: String) -> Result<Self, InvalidMirror> {
        let invalid = || InvalidMirror(text.clone());
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let fine = ["http", "https"].contains(&scheme)
            && !host.is_empty()
            && !host.contains(['@', '?', '#', ' '])
            && (path.is_empty() || roost_model::image_ref::check_repository(path).is_ok());
        if !fine {
            return Err(invalid());
        }
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        Ok(Self { scheme: scheme.to_owned(), host: host.to_owned(), prefix })
    }
}

impl From<Mirror> for String {
    fn from(mirror: Mirror) -> Self {
        let url = format!("{}://{}/{}", mirror.scheme, mirror.host, mirror.prefix);
        url.trim_end_matches('/').to_owned()
    }
}

/// What a registry is shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Credentials {
    Basic {
        username: String,
        password: String,
    },
    /// A token that the registry takes as it is.
    Token {
        token: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { username, .. } => write!(f, "Basic({username}:***)"),
            Self::Token { .. } => f.write_str("Token(***)"),
        }
    }
}

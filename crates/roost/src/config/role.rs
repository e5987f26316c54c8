//! The roles that one process can play.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A part of the platform; `roost server` plays all of them unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Role {
    /// Public API, registry, releases.
    Api,
    /// This box's machines.
    Host,
    /// Listeners for the apps' users.
    Edge,
    /// `.internal` names for the guests.
    Dns,
}

/// The text named no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown role \"{0}\"; roles are api, host, edge and dns")]
pub struct UnknownRole(String);

impl Role {
    pub const ALL: [Self; 4] = [Self::Api, Self::Host, Self::Edge, Self::Dns];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Host => "host",
            Self::Edge => "edge",
            Self::Dns => "dns",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(s: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == s).ok_or_else(|| UnknownRole(s.to_owned()))
    }
}

impl TryFrom<String> for Role {
    type Error = UnknownRole;

    fn try_from(s: String) -> Result<Self, UnknownRole> {
        s.parse()
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.as_str().to_owned()
    }
}

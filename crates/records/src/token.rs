//! API tokens. The token itself is not kept: its hash is the key.

use jiff::Timestamp;
use roost_model::AppName;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{Email, Record};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    pub id: Ulid,
    /// Shown as the author of what it does.
    pub name: String,
    pub scope: TokenScope,
    /// Who made it. It may do nothing that this user may not do; absent: the server itself made it.
    #[serde(default)]
    pub owner: Option<Email>,
    pub created_at: Timestamp,
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    #[serde(default)]
    pub revoked: Option<Revocation>,
}

/// That a token is good no more. It stays listed for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    pub at: Timestamp,
    /// Name of the token that was used for it.
    pub by: String,
}

impl TokenRecord {
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

impl Record for TokenRecord {}

/// What a token may do. Orgs and apps are named with their numbers: of an app that was deleted and
/// made anew by others, an old token must open nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TokenScope {
    /// Everything.
    Admin,
    /// What its owner may do.
    User,
    /// Everything in one org, but for its members and the org itself.
    Org { org: String, number: u64 },
    /// Seeing everything in one org.
    OrgReadOnly { org: String, number: u64 },
    /// Everything about one app, but for deleting it.
    Deploy { app: AppName, number: u64, org: String },
    /// Commands in the machines of one app; any command when none is listed.
    MachineExec {
        app: AppName,
        number: u64,
        org: String,
        #[serde(default)]
        commands: Vec<AllowedCommand>,
    },
}

impl TokenScope {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Org { .. } => "org",
            Self::OrgReadOnly { .. } => "org_read_only",
            Self::Deploy { .. } => "deploy",
            Self::MachineExec { .. } => "machine_exec",
        }
    }

    /// Slug and number of the org that it is of.
    pub fn org(&self) -> Option<(&str, u64)> {
        match self {
            Self::Org { org, number } | Self::OrgReadOnly { org, number } => Some((org, *number)),
            _ => None,
        }
    }

    /// Name and number of the app that it is of.
    pub fn app(&self) -> Option<(&AppName, u64)> {
        match self {
            Self::Deploy { app, number, .. } | Self::MachineExec { app, number, .. } => Some((app, *number)),
            _ => None,
        }
    }
}

/// A command that a token may run: these arguments, and no others, or others after them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedCommand {
    pub args: Vec<String>,
    pub exact: bool,
}

impl AllowedCommand {
    pub fn allows(&self, argv: &[String]) -> bool {
        if self.exact { argv == self.args } else { argv.starts_with(&self.args) }
    }
}

/// When a token was last used, to the hour: written beside the token, now and then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    pub token: Ulid,
    pub at: Timestamp,
}

impl Record for TokenUse {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_the_first_version_is_read() {
        let text = r#"{"id":"01HEPA330HZ37A78TK080NAK1M","name":"admin","scope":{"kind":"admin"},"created_at":"2026-01-01T00:00:00Z","expires_at":null}"#;
        let token: TokenRecord = serde_json::from_str(text).unwrap();
        assert!(token.scope == TokenScope::Admin && token.is_good(Timestamp::now()));
    }

    #[test]
    fn commands_are_allowed_argument_by_argument() {
        let argv = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let exact = AllowedCommand { args: argv(&["rake", "db:migrate"]), exact: true };
        let prefix = AllowedCommand { args: argv(&["rake"]), exact: false };
        assert!(exact.allows(&argv(&["rake", "db:migrate"])) && prefix.allows(&argv(&["rake", "x"])));
        assert!(!exact.allows(&argv(&["rake", "db:migrate", "--all"])) && !exact.allows(&argv(&["rake"])));
        assert!(!prefix.allows(&argv(&["rakes"])) && !prefix.allows(&[]));
    }
}

//! API tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to make: a token of a kind, for an org or an app as the kind asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CreateToken {
    /// `deploy`, `org`, `org_read_only`, `machine_exec` or `user`.
    pub kind: String,
    #[serde(default)]
    pub name: String,
    /// Slug; for `org` and `org_read_only`.
    #[serde(default)]
    pub org: Option<String>,
    /// For `deploy` and `machine_exec`.
    #[serde(default)]
    pub app: Option<String>,
    /// E-mail address; for `user`, which only an administrator of the server makes.
    #[serde(default)]
    pub user: Option<String>,
    /// For `machine_exec`: nothing else may be run. Any command when empty.
    #[serde(default)]
    pub commands: Vec<TokenCommand>,
    /// A duration such as `720h`; 90 days when empty.
    #[serde(default)]
    pub expiry: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenCommand {
    pub args: Vec<String>,
    /// Whether further arguments are refused.
    pub exact: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreatedToken {
    /// Shown this once: the server keeps its hash only.
    pub token: String,
    pub info: Token,
}

/// A token, without what opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    pub id: String,
    pub name: String,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<TokenCommand>,
    /// E-mail address of who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// RFC 3339, as the others.
    pub created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
    /// To the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TokenList {
    pub tokens: Vec<Token>,
}

/// The tokens of this very call, in the shape of the Machines API.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CurrentTokens {
    pub tokens: Vec<CurrentToken>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CurrentToken {
    pub token_id: String,
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_slug: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<String>,
    /// The machine that calls through its own socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_machine_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restricted_to_machine: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AuthenticateToken {
    /// Value of an `Authorization` header.
    pub header: String,
}

/// A token that is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifiedToken {
    #[serde(flatten)]
    pub token: CurrentToken,
    pub caveats: Caveats,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Caveats {
    pub caveats: Vec<Caveat>,
}

/// What bounds a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Caveat {
    Organization {
        slug: String,
    },
    App {
        name: String,
    },
    ReadOnly,
    /// It runs these commands in machines, and does nothing else; any command when empty.
    Commands {
        commands: Vec<TokenCommand>,
    },
    ValidUntil {
        /// RFC 3339.
        at: String,
    },
}

#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AuthorizeToken {
    /// Value of an `Authorization` header.
    pub header: String,
    pub access: TokenAccess,
}

/// What somebody wants to do. Things are named as clients name them; `action` is of letters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct TokenAccess {
    /// Of `r` (read), `w` (write), `c` (create), `d` (delete) and `C` (control).
    pub action: String,
    pub org_slug: Option<String>,
    /// A part of the org, such as `membership`.
    pub org_feature: Option<String>,
    pub app_name: Option<String>,
    /// A part of the app; the right on the app decides.
    pub app_feature: Option<String>,
    pub machine_id: Option<String>,
    /// A part of the machine; the right on its app decides.
    pub machine_feature: Option<String>,
    pub volume_id: Option<String>,
    /// To be run in a machine of the app; `action` does not matter then.
    pub command: Vec<String>,
    /// Refused when given.
    pub mutation: Option<String>,
    /// Refused when given.
    pub storage_object: Option<String>,
    /// Refused when given.
    pub source_machine: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Authorized {
    pub access: TokenAccess,
    pub verified_token: VerifiedToken,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CreateDeployToken {
    #[serde(default)]
    pub expiry: Option<String>,
}

/// A machine asks for a token of its identity; the answer is the token, as text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CreateIdentityToken {
    /// Who is to believe it; the issuer when empty.
    #[serde(default)]
    pub aud: Option<String>,
    /// Adds the claim from which AWS takes session tags.
    #[serde(default)]
    pub aws_principal_tags: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeployToken {
    pub token: String,
}

//! Logging in from a command line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a command line says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct BeginLogin {
    /// Name of the computer.
    #[serde(default)]
    pub name: String,
    /// base64url of the SHA-256 of a verifier (RFC 7636).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// `S256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge_method: Option<String>,
    /// Comes back with the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Port of 127.0.0.1 on which the command line waits for the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_port: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<LoginMetadata>,
}

/// What the token is to be restricted to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LoginMetadata {
    #[serde(default)]
    pub lock_organization: Option<String>,
    #[serde(default)]
    pub lock_app: Option<String>,
    #[serde(default)]
    pub lock_instance: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BegunLogin {
    pub id: String,
    /// Where a person approves it.
    pub auth_url: String,
    pub pkce: bool,
    /// Shown on that page as well.
    pub user_code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RedeemLogin {
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub code_verifier: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoginToken {
    pub id: String,
    pub access_token: String,
    pub pkce: bool,
}

//! Users, orgs, members.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    pub id: String,
    pub email: String,
    pub name: String,
    /// Administers the server.
    pub administrator: bool,
    /// RFC 3339.
    pub created_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CreateOrg {
    /// For people; its slug follows from it.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Org {
    pub id: String,
    pub internal_numeric_id: u64,
    pub slug: String,
    pub raw_slug: String,
    pub name: String,
    /// `personal` or `shared`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The caller's role: `admin` or `member`; absent when the token stands for no person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// There when one org is asked for, by somebody who may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Member>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Member {
    pub id: String,
    pub email: String,
    pub name: String,
    /// `admin` or `member`.
    pub role: String,
    /// RFC 3339.
    pub joined_at: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invite {
    pub email: String,
    /// `member` when absent.
    #[serde(default)]
    pub role: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Invited {
    pub member: Member,
    /// For a user who is new here: a token to log in with, good for a week. Shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetRole {
    pub role: String,
}

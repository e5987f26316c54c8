//! The audit trail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One call that changed something, or was refused. Bodies are never kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEntry {
    /// Rises with each entry.
    pub id: u64,
    /// RFC 3339.
    pub at: String,
    /// Of the token; absent for a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// Name of the token, or the machine.
    pub token_name: String,
    /// E-mail address of the token's owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Address that the call came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub method: String,
    /// Without the query.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// HTTP status of the answer; absent when the server ended before it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

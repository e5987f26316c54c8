//! Troubles with hosts that the platform's makers announce to people. A host that does not answer is
//! seen in its machines instead (`host_status`).

use async_graphql::{ID, SimpleObject};

use crate::scalar::Iso8601DateTime;

#[derive(Debug, Clone, SimpleObject)]
pub struct Issue {
    pub id: ID,
    pub internal_id: String,
    pub message: Option<String>,
    pub created_at: Iso8601DateTime,
    pub updated_at: Iso8601DateTime,
}

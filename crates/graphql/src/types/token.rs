//! API tokens.

use async_graphql::{ID, SimpleObject};

use super::user::User;
use crate::scalar::Iso8601DateTime;

#[derive(Debug, Clone, SimpleObject)]
pub struct LimitedAccessToken {
    pub id: ID,
    pub name: String,
    /// What it may do: `deploy`, `deploy_organization`, ...
    pub profile: String,
    /// Nobody is shown a token twice: empty but in the answer that makes it.
    pub token: String,
    /// As `Authorization` takes it; only in the answer that makes it.
    pub token_header: Option<String>,
    pub created_at: Iso8601DateTime,
    pub expires_at: Iso8601DateTime,
    pub revoked_at: Option<Iso8601DateTime>,
    pub revoked_by: Option<String>,
    pub user: User,
}

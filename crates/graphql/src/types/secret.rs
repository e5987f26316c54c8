//! Secrets, without their values.

use async_graphql::{ID, SimpleObject};

use crate::scalar::Iso8601DateTime;

#[derive(Debug, Clone, SimpleObject)]
pub struct Secret {
    pub id: ID,
    pub name: String,
    pub digest: String,
    pub created_at: Iso8601DateTime,
}

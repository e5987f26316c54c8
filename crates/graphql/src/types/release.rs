//! Releases. The schema has two types of them that differ in how the configuration is read.

use async_graphql::{Enum, ID, MergedObject, SimpleObject};
use serde_json::Value;

use super::{app_config::AppConfig, user::User};
use crate::scalar::Iso8601DateTime;

#[derive(Debug, Clone, MergedObject)]
#[graphql(name = "Release")]
pub struct Release(pub ReleaseFacts, pub ReleaseConfig);

#[derive(Debug, Clone, MergedObject)]
#[graphql(name = "ReleaseUnprocessed")]
pub struct ReleaseUnprocessed(pub ReleaseFacts, pub ReleaseDefinition);

#[derive(Debug, Clone, SimpleObject)]
pub struct ReleaseFacts {
    pub id: ID,
    pub version: i32,
    pub description: String,
    pub reason: String,
    /// `pending`, `running`, `complete`, `failed` or `interrupted`.
    pub status: String,
    pub in_progress: bool,
    /// It ended well.
    pub stable: bool,
    pub deployment_strategy: DeploymentStrategy,
    pub image_ref: Option<String>,
    pub user: Option<User>,
    /// One release is one evaluation here.
    pub evaluation_id: Option<String>,
    pub created_at: Iso8601DateTime,
}

#[derive(Debug, Clone, SimpleObject)]
pub struct ReleaseConfig {
    pub config: Option<AppConfig>,
}

#[derive(Debug, Clone, SimpleObject)]
pub struct ReleaseDefinition {
    /// fly.toml as JSON.
    pub config_definition: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum DeploymentStrategy {
    Bluegreen,
    Canary,
    Immediate,
    Rolling,
    RollingOne,
    Simple,
}

impl From<Release> for ReleaseUnprocessed {
    fn from(Release(facts, ReleaseConfig { config }): Release) -> Self {
        Self(facts, ReleaseDefinition { config_definition: config.map(|config| config.definition) })
    }
}

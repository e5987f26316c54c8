//! Add-ons: services that others run for an app. The platform offers none, and says so by empty lists.

use async_graphql::{Enum, ID, SimpleObject};
use serde_json::Value;

use super::organization::Organization;

#[derive(Debug, Clone, SimpleObject)]
pub struct AddOn {
    pub id: ID,
    pub name: Option<String>,
    pub add_on_plan: Option<AddOnPlan>,
    pub private_ip: Option<String>,
    pub public_url: Option<String>,
    pub primary_region: Option<String>,
    pub read_regions: Option<Vec<String>>,
    pub status: Option<String>,
    pub error_message: Option<String>,
    pub options: Option<Value>,
    pub metadata: Option<Value>,
    pub sso_link: Option<String>,
    pub organization: Organization,
}

#[derive(Debug, Clone, SimpleObject)]
pub struct AddOnPlan {
    pub id: ID,
    pub name: Option<String>,
    pub display_name: Option<String>,
    pub description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(rename_items = "snake_case")]
pub enum AddOnType {
    Arcjet,
    Enveloop,
    FlyMysql,
    Kubernetes,
    Redis,
    Sentry,
    Supabase,
    Tigris,
    UpstashKafka,
    UpstashRedis,
    UpstashVector,
    Wafris,
}

//! Apps.

use std::fmt;

use roost_model::AppName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CreateApp {
    #[serde(alias = "app_name")]
    pub name: String,
    /// `personal` when empty.
    #[serde(default)]
    pub org_slug: String,
    /// Name of a private network of the org, made when it is new; the org's own when empty.
    #[serde(default)]
    pub network: Option<String>,
    /// What the app is for, such as `postgres_cluster`; empty for most.
    #[serde(default)]
    pub app_role_id: String,
    /// Refused when true: it means nothing here.
    #[serde(default)]
    pub enable_subdomains: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct App {
    pub id: String,
    pub internal_numeric_id: u64,
    pub name: AppName,
    pub organization: Organization,
    /// Name of the private network.
    pub network: String,
    /// The network's addresses.
    #[serde(default)]
    pub network_cidr: String,
    pub status: AppStatus,
    pub machine_count: u64,
    pub volume_count: u64,
    /// Version of the release that runs; absent before the first.
    #[serde(default)]
    pub current_release: Option<u64>,
    /// Where the app answers.
    #[serde(default)]
    pub url: String,
    /// What names of the app's own point to, by CNAME.
    #[serde(default)]
    pub cname_target: String,
    /// Empty for most.
    #[serde(default)]
    pub app_role: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppStatus {
    /// No release was deployed yet.
    Pending,
    Deployed,
    /// It was deployed, and has no machine now.
    Suspended,
}

impl fmt::Display for AppStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AppStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Deployed => "deployed",
            Self::Suspended => "suspended",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Organization {
    pub name: String,
    pub slug: String,
    pub internal_numeric_id: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AppList {
    pub apps: Vec<App>,
    pub total_apps: u64,
}

//! Apps.

use roost_model::AppName;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CreateApp {
    #[serde(alias = "app_name")]
    pub name: String,
    /// `personal` when empty.
    #[serde(default)]
    pub org_slug: String,
    /// Name of a private network of the org, made when it is new; the org's own when empty.
    #[serde(default)]
    pub network: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    pub id: String,
    pub internal_numeric_id: u64,
    pub name: AppName,
    pub organization: Organization,
    /// Name of the private network.
    pub network: String,
    /// `pending` until the first release was deployed, then `deployed`.
    pub status: String,
    pub machine_count: u64,
    pub volume_count: u64,
    /// Version of the release that runs; absent before the first.
    #[serde(default)]
    pub current_release: Option<u64>,
    /// Where the app answers.
    #[serde(default)]
    pub url: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    pub name: String,
    pub slug: String,
    pub internal_numeric_id: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AppList {
    pub apps: Vec<App>,
    pub total_apps: u64,
}

//! Builds of images, as their clients told of them.

use jiff::Timestamp;
use roost_model::AppName;
use serde::{Deserialize, Serialize};

use crate::Record;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    pub app: AppName,
    /// Counts from 1 within the app.
    pub number: u64,
    /// `local`, `remote`, ...: where the client builds.
    pub builder: String,
    pub status: BuildStatus,
    /// Reference of the image that came out.
    #[serde(default)]
    pub image: Option<String>,
    /// Name of the token that began it.
    pub created_by: String,
    pub created_at: Timestamp,
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

impl Record for BuildRecord {}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildStatus {
    Building,
    Completed,
    Failed,
}

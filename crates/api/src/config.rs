//! What the api is told when it starts.

use std::path::PathBuf;

#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Name of this node: says which api carries out a deploy.
    pub node: String,
    /// File of the first admin token, made at first start.
    pub admin_token: PathBuf,
    /// Folder of the platform's keys, made at first start.
    pub keys: PathBuf,
    /// Folder of the registry's blobs.
    pub registry_blobs: PathBuf,
    /// The registry's name in image references.
    pub registry: String,
    pub base_domain: String,
    /// Where an app answers, with `{app}` for its name: `http://{app}.roost.localhost:8080`.
    pub app_url: String,
}

impl ApiConfig {
    pub(crate) fn url_of(&self, app: &roost_model::AppName) -> String {
        self.app_url.replace("{app}", app.as_str())
    }
}

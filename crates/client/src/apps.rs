//! Calls about apps.

use reqwest::Method;
use roost_api_types::{App, AppList, CreateApp};
use roost_model::AppName;

use crate::{ApiClient, ClientError, transport::NO_BODY};

impl ApiClient {
    pub async fn apps(&self) -> Result<Vec<App>, ClientError> {
        Ok(self.get::<AppList>("/v1/apps").await?.apps)
    }

    pub async fn app(&self, name: &AppName) -> Result<App, ClientError> {
        self.get(&format!("/v1/apps/{name}")).await
    }

    pub async fn create_app(&self, request: &CreateApp) -> Result<App, ClientError> {
        self.post("/v1/apps", request).await
    }

    /// Destroys an app with all that belongs to it, running machines too.
    pub async fn destroy_app(&self, name: &AppName) -> Result<(), ClientError> {
        self.done(Method::DELETE, &format!("/v1/apps/{name}?force=true"), NO_BODY).await
    }
}

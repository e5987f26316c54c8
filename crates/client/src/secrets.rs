//! Calls about secrets.

use roost_api_types::{SecretList, SecretsUpdated, UpdateSecrets};
use roost_model::AppName;

use crate::{ApiClient, ClientError};

impl ApiClient {
    pub async fn secrets(&self, app: &AppName) -> Result<SecretList, ClientError> {
        self.get(&format!("/v1/apps/{app}/secrets")).await
    }

    pub async fn update_secrets(
        &self,
        app: &AppName,
        update: &UpdateSecrets,
    ) -> Result<SecretsUpdated, ClientError> {
        self.post(&format!("/v1/apps/{app}/secrets"), update).await
    }
}

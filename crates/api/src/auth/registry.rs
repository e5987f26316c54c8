//! The registry's question: may these credentials do that with this repository?

use std::sync::Arc;

use async_trait::async_trait;
use roost_api_types::ErrorCode;
use roost_directory::Directory;
use roost_images::registry::{Access, Authorizer, Credentials, Denied};
use roost_model::AppName;
use roost_records::key;

use super::verify;

/// Repositories are named after apps; whoever has a token of the platform may use those there are.
pub struct RegistryAuthorizer {
    pub directory: Arc<dyn Directory>,
}

#[async_trait]
impl Authorizer for RegistryAuthorizer {
    async fn authorize(
        &self,
        credentials: Option<&Credentials>,
        repository: Option<&str>,
        access: Access,
    ) -> Result<(), Denied> {
        let token = match credentials {
            None => {
                return Err(Denied::Unauthenticated("log in with an API token as the password".to_owned()));
            }
            Some(Credentials::Bearer(token)) => token,
            // Any user name will do: the token says who it is.
            Some(Credentials::Basic { password, .. }) => password,
        };
        verify(&*self.directory, token).await.map_err(|e| match e.code {
            ErrorCode::Unauthorized => Denied::Unauthenticated(e.message),
            _ => Denied::Forbidden(e.message),
        })?;
        match repository {
            Some(repository) if access != Access::Pull => self.check_repository(repository).await,
            _ => Ok(()),
        }
    }
}

impl RegistryAuthorizer {
    /// One repository for each app; `<app>/<anything>` belongs to the app as well.
    async fn check_repository(&self, repository: &str) -> Result<(), Denied> {
        let name = repository.split('/').next().unwrap_or_default();
        let missing =
            || Denied::Forbidden(format!("there is no app \"{name}\"; `roost apps create {name}` makes it"));
        let app: AppName = name.parse().map_err(|_| missing())?;
        let found = self.directory.get(&key::app(&app)).await;
        match found.map_err(|e| Denied::Forbidden(e.to_string()))? {
            Some(_) => Ok(()),
            None => Err(missing()),
        }
    }
}

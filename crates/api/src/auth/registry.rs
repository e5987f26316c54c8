//! The registry's question: may these credentials do that with this repository?

use std::sync::Arc;

use async_trait::async_trait;
use roost_images::registry::{Access, Authorizer, Credentials, Denied};
use roost_model::AppName;

use super::{AppRight, Caller, Who};
use crate::api::Api;

/// Repositories are named after apps: whoever may read the app pulls, whoever may change it pushes.
pub struct RegistryAuthorizer {
    pub api: Arc<Api>,
}

#[async_trait]
impl Authorizer for RegistryAuthorizer {
    async fn authorize(
        &self,
        credentials: Option<&Credentials>,
        repository: Option<&str>,
        access: Access,
    ) -> Result<(), Denied> {
        let unauthenticated = |message: &str| Denied::Unauthenticated(message.to_owned());
        let token = match credentials {
            None => return Err(unauthenticated("log in with an API token as the password")),
            Some(Credentials::Bearer(token)) => token,
            // Any user name will do: the token says who it is.
            Some(Credentials::Basic { password, .. }) => password,
        };
        let token = self.api.book.token(token).ok_or_else(|| {
            unauthenticated("the API token is not known here, or has expired; use one of this server")
        })?;
        let caller = Caller::new(vec![Who::Token(token)], Arc::clone(&self.api.book));
        match repository {
            // What is left of an app that is gone is for the server's own hosts.
            Some(_) if access == Access::Pull && caller.administers_server() => Ok(()),
            Some(repository) => self.check_repository(&caller, repository, access).await,
            None => Ok(()),
        }
    }
}

impl RegistryAuthorizer {
    /// One repository for each app; `<app>/<anything>` belongs to the app as well.
    async fn check_repository(
        &self,
        caller: &Caller,
        repository: &str,
        access: Access,
    ) -> Result<(), Denied> {
        let name = repository.split('/').next().unwrap_or_default();
        let missing =
            || Denied::Forbidden(format!("there is no app \"{name}\"; `roost apps create {name}` makes it"));
        let app: AppName = name.parse().map_err(|_| missing())?;
        let app = self.api.store.find_app(&app).await.map_err(|e| Denied::Forbidden(e.to_string()))?;
        let app = app.filter(|app| caller.may_app(AppRight::See, app)).ok_or_else(missing)?;
        let right = if access == Access::Pull { AppRight::Read } else { AppRight::Write };
        caller.check_app(right, &app).map_err(|e| Denied::Forbidden(e.message))
    }
}

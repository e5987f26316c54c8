//! The platform as one caller sees it while one document is executed.

use std::sync::Arc;

use roost_api_types::ErrorCode;
use roost_graphql::{Answer, Code, Refusal, types::app::App};
use roost_model::AppName;
use roost_records::AppRecord;

use crate::{
    api::Api,
    apps,
    auth::{AppRight, Caller},
    error::ApiError,
};

pub struct Session {
    pub api: Arc<Api>,
    pub caller: Caller,
}

impl Session {
    /// The app that a name or an id means. Clients look for the first words of the refusal.
    pub async fn app_record(&self, key: &str) -> Answer<AppRecord> {
        let missing = || Refusal::not_found(format!("Could not find App \"{key}\""));
        if let Ok(name) = key.parse::<AppName>() {
            return match self.api.store.app(&name).await {
                Ok(stored) => Some(stored.record).filter(|app| self.sees(app)).ok_or_else(missing),
                Err(error) if error.code == ErrorCode::AppNotFound => Err(missing()),
                Err(error) => Err(error.into()),
            };
        }
        let all = self.api.store.apps().await?;
        all.into_iter().find(|app| apps::id_of(app) == key && self.sees(app)).ok_or_else(missing)
    }

    pub fn sees(&self, app: &AppRecord) -> bool {
        self.caller.may_app(AppRight::See, app)
    }

    /// The name of an app of the schema, of which the caller may read all.
    pub async fn readable(&self, app: &App) -> Answer<AppName> {
        let app = self.app_record(&app.name).await?;
        self.caller.check_app(AppRight::Read, &app)?;
        Ok(app.name)
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        if error.code == ErrorCode::Unknown {
            tracing::error!(error = %error.message, "a field could not be answered");
        }
        Self::new(code_of(error.code), error.message)
    }
}

/// The kinds that GraphQL clients know.
pub fn code_of(code: ErrorCode) -> Code {
    match code.http_status() {
        401 | 403 => Code::Unauthorized,
        404 => Code::NotFound,
        400 | 413 => Code::Invalid,
        500.. => Code::ServerError,
        _ => Code::Unprocessable,
    }
}

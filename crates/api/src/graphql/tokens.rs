//! API tokens.

use async_trait::async_trait;
use jiff::Timestamp;
use roost_graphql::{
    Answer, Code, ID, Refusal,
    platform::{NewToken, Tokens},
    scalar::Iso8601DateTime,
    types::{app::App, organization::Organization, token::LimitedAccessToken},
};
use roost_records::{TokenRecord, TokenScope};

use super::Session;
use crate::{
    auth::OrgRight,
    tokens::{self, NewScope},
};

#[async_trait]
impl Tokens for Session {
    async fn tokens_of_organization(&self, organization: &Organization) -> Answer<Vec<LimitedAccessToken>> {
        let org = self.check_organization(organization, OrgRight::Read)?;
        let tokens = tokens::of_org(&self.api, &self.caller, &org)?;
        Ok(tokens.iter().map(|token| self.token_shown(token)).collect())
    }

    async fn tokens_of_app(&self, app: &App) -> Answer<Vec<LimitedAccessToken>> {
        let app = self.app_record(&app.name).await?;
        let tokens = tokens::of_app(&self.api, &self.caller, &app)?;
        Ok(tokens.iter().map(|token| self.token_shown(token)).collect())
    }

    async fn create_token(&self, organization: &Organization, new: NewToken) -> Answer<LimitedAccessToken> {
        let NewToken { name, profile, parameters, expiry } = new;
        let scope = match profile.as_str() {
            "deploy" => {
                let app = parameters.get("app_id").and_then(|id| id.as_str()).ok_or_else(|| {
                    Refusal::new(
                        Code::Invalid,
                        "a token of profile \"deploy\" needs `app_id` in profileParams",
                    )
                })?;
                NewScope::Deploy(self.app_record(app).await?.name)
            }
            "deploy_organization" => NewScope::Org(organization.slug.clone()),
            other => return Err(no_profile(other)),
        };
        let new = tokens::NewToken { name, scope, expiry };
        let created = tokens::create(&self.api, &self.caller, new).await?;
        let shown = self.token_shown(&created.record);
        Ok(LimitedAccessToken { token: created.token.clone(), token_header: Some(created.token), ..shown })
    }

    async fn revoke_token(&self, id: &str) -> Answer<()> {
        tokens::revoke(&self.api, &self.caller, id).await?;
        Ok(())
    }

    /// Only what a login made ends with it; a token that was made for something else goes on.
    async fn log_out(&self) -> Answer<()> {
        for token in self.caller.tokens().filter(|token| token.scope == TokenScope::User) {
            tokens::revoke(&self.api, &self.caller, &token.id.to_string()).await?;
        }
        Ok(())
    }
}

impl Session {
    fn token_shown(&self, token: &TokenRecord) -> LimitedAccessToken {
        let author = token.owner.as_ref().map_or(token.name.as_str(), |email| email.as_str());
        LimitedAccessToken {
            id: ID(token.id.to_string()),
            name: token.name.clone(),
            profile: token.scope.kind().to_owned(),
            token: String::new(),
            token_header: None,
            created_at: Iso8601DateTime(token.created_at),
            expires_at: Iso8601DateTime(token.expires_at.unwrap_or(Timestamp::MAX)),
            revoked_at: token.revoked.as_ref().map(|revoked| Iso8601DateTime(revoked.at)),
            revoked_by: token.revoked.as_ref().map(|revoked| revoked.by.clone()),
            user: self.user(author),
        }
    }
}

/// Profiles whose tokens clients narrow down themselves, which takes tokens that carry their rights.
fn no_profile(profile: &str) -> Refusal {
    let message = format!(
        "this platform makes no token of profile \"{profile}\"; it makes \"deploy\" and \"deploy_organization\", \
         and with `roost tokens create` also org, readonly and machine-exec tokens"
    );
    Refusal::new(Code::Unprocessable, message)
}

//! Calls about who one is: logins, tokens, users, orgs, the audit trail.

use reqwest::Method;
use roost_api_types::{
    AuditEntry, BeginLogin, BegunLogin, CreateOrg, CreateToken, CreatedToken, Invite, Invited, LoginToken,
    Org, RedeemLogin, TokenList, User,
};

use crate::{ApiClient, ClientError, transport::NO_BODY};

impl ApiClient {
    pub async fn user(&self) -> Result<User, ClientError> {
        self.get("/v1/user").await
    }

    pub async fn orgs(&self) -> Result<Vec<Org>, ClientError> {
        self.get("/v1/orgs").await
    }

    /// With its members, for those who may see them.
    pub async fn org(&self, slug: &str) -> Result<Org, ClientError> {
        self.get(&format!("/v1/orgs/{slug}")).await
    }

    pub async fn create_org(&self, request: &CreateOrg) -> Result<Org, ClientError> {
        self.post("/v1/orgs", request).await
    }

    pub async fn delete_org(&self, slug: &str) -> Result<(), ClientError> {
        self.done(Method::DELETE, &format!("/v1/orgs/{slug}"), NO_BODY).await
    }

    pub async fn invite(&self, org: &str, request: &Invite) -> Result<Invited, ClientError> {
        self.post(&format!("/v1/orgs/{org}/members"), request).await
    }

    pub async fn remove_member(&self, org: &str, email: &str) -> Result<(), ClientError> {
        self.done(Method::DELETE, &format!("/v1/orgs/{org}/members/{email}"), NO_BODY).await
    }

    /// `filter` is `app=<name>`, `org=<slug>`, or empty for the caller's own.
    pub async fn tokens(&self, filter: &str) -> Result<TokenList, ClientError> {
        self.get(&format!("/v1/tokens?{filter}")).await
    }

    pub async fn create_token(&self, request: &CreateToken) -> Result<CreatedToken, ClientError> {
        self.post("/v1/tokens", request).await
    }

    /// `current` is the token of the call itself.
    pub async fn revoke_token(&self, id: &str) -> Result<(), ClientError> {
        self.done(Method::DELETE, &format!("/v1/tokens/{id}"), NO_BODY).await
    }

    pub async fn begin_login(&self, request: &BeginLogin) -> Result<BegunLogin, ClientError> {
        self.post("/api/v1/cli_sessions", request).await
    }

    pub async fn redeem_login(&self, id: &str, request: &RedeemLogin) -> Result<LoginToken, ClientError> {
        self.post(&format!("/api/v1/cli_sessions/{id}/redeem"), request).await
    }

    /// Newest first; of one org, or of the whole server.
    pub async fn audit(&self, org: Option<&str>, limit: u32) -> Result<Vec<AuditEntry>, ClientError> {
        match org {
            Some(slug) => self.get(&format!("/v1/orgs/{slug}/audit?limit={limit}")).await,
            None => self.get(&format!("/v1/audit?limit={limit}")).await,
        }
    }
}

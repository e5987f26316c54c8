//! Making and revoking tokens.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use serde_json::Value;

use crate::{
    Code, Refusal,
    platform::{NewToken, platform},
    types::token::LimitedAccessToken,
};

#[derive(Default)]
pub struct TokenChanges;

#[derive(InputObject)]
#[graphql(name = "CreateLimitedAccessTokenInput")]
struct Create {
    client_mutation_id: Option<String>,
    name: String,
    organization_id: ID,
    /// What it is to do: `deploy` (with the app's id), `deploy_organization`, `readonly`, ...
    profile: String,
    profile_params: Option<Value>,
    /// A Go duration.
    expiry: Option<String>,
}

#[derive(SimpleObject)]
#[graphql(name = "CreateLimitedAccessTokenPayload")]
struct Created {
    client_mutation_id: Option<String>,
    limited_access_token: LimitedAccessToken,
}

#[derive(InputObject)]
#[graphql(name = "DeleteLimitedAccessTokenInput")]
struct Delete {
    client_mutation_id: Option<String>,
    id: Option<ID>,
}

#[derive(SimpleObject)]
#[graphql(name = "DeleteLimitedAccessTokenPayload")]
struct Deleted {
    client_mutation_id: Option<String>,
    token: Option<String>,
}

#[derive(InputObject)]
#[graphql(name = "LogOutInput")]
struct LogOut {
    client_mutation_id: Option<String>,
}

#[derive(SimpleObject)]
#[graphql(name = "LogOutPayload")]
struct LoggedOut {
    client_mutation_id: Option<String>,
    ok: bool,
}

#[Object]
impl TokenChanges {
    async fn create_limited_access_token(
        &self,
        context: &Context<'_>,
        input: Create,
    ) -> Result<Option<Created>> {
        let organization = platform(context).organization(&input.organization_id).await?;
        let new = NewToken {
            name: input.name,
            profile: input.profile,
            parameters: input.profile_params.unwrap_or_default(),
            expiry: input.expiry.unwrap_or_default(),
        };
        let limited_access_token = platform(context).create_token(&organization, new).await?;
        Ok(Some(Created { client_mutation_id: input.client_mutation_id, limited_access_token }))
    }

    async fn delete_limited_access_token(
        &self,
        context: &Context<'_>,
        input: Delete,
    ) -> Result<Option<Deleted>> {
        let missing = || Refusal::new(Code::Invalid, "deleteLimitedAccessToken needs the token's `id`");
        platform(context).revoke_token(&input.id.ok_or_else(missing)?).await?;
        Ok(Some(Deleted { client_mutation_id: input.client_mutation_id, token: None }))
    }

    /// Ends the tokens that this very document came with.
    async fn log_out(&self, context: &Context<'_>, input: LogOut) -> Result<Option<LoggedOut>> {
        platform(context).log_out().await?;
        Ok(Some(LoggedOut { client_mutation_id: input.client_mutation_id, ok: true }))
    }
}

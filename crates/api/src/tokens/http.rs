//! The calls.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use roost_api_types::{
    CreateDeployToken, CreateToken, CreatedToken, CurrentToken, CurrentTokens, DeployToken, Token,
    TokenCommand, TokenList,
};
use roost_model::AppName;
use roost_records::{AllowedCommand, TokenRecord, TokenScope};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{NewScope, NewToken, verify};
use crate::{
    api::Api,
    audit,
    auth::{Caller, OrgRight},
    error::{ApiError, Result},
    http::{AppPath, Body, Params},
    openapi::{Routes, call, delete, get, post},
    orgs,
};

pub fn routes() -> Routes {
    let authenticate = call("Tokens_authenticate", "Whose the tokens of a header are, and what bounds them");
    let authorize = call("Tokens_authorize", "Whether the tokens of a header allow something");
    let kms = call("Tokens_request_Kms", "A token for a key service: refused");
    let list = call("Tokens_list", "The tokens of an app, of an organization, or the caller's own");
    let deploy_token = call("App_create_deploy_token", "Make a token that may deploy an app");
    Routes::new()
        .at(
            "/v1/tokens",
            get(list.or_fails(&[404]), self::list)
                .post(call("Tokens_create", "Make a token").answers(201).or_fails(&[404]), create),
        )
        .at(
            "/v1/tokens/current",
            get(call("CurrentToken_show", "The tokens of this very call"), current).delete(
                call("CurrentToken_revoke", "End the tokens of this very call").answers(204),
                revoke_current,
            ),
        )
        .at("/v1/tokens/authenticate", post(authenticate, verify::authenticate))
        .at("/v1/tokens/authorize", post(authorize.or_fails(&[404]), verify::authorize))
        .at("/v1/tokens/kms", post(kms.refused(), verify::kms))
        .at("/v1/tokens/{id}", delete(call("Tokens_revoke", "End a token").answers(204), revoke))
        .at("/v1/apps/{app_name}/deploy_token", post(deploy_token, self::deploy_token))
}

#[derive(Deserialize, JsonSchema)]
struct ListQuery {
    org: Option<String>,
    app: Option<String>,
}

async fn list(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Params(query): Params<ListQuery>,
) -> Result<Json<TokenList>> {
    let tokens = match (query.app, query.org) {
        (Some(app), _) => {
            let app = api.store.app(&app_name(&app)?).await?.record;
            super::of_app(&api, &caller, &app)?
        }
        (None, Some(org)) => {
            let org = orgs::find(&api, &caller, &org, OrgRight::Read)?;
            super::of_org(&api, &caller, &org)?
        }
        (None, None) => super::own(&api, &caller)?,
    };
    Ok(Json(TokenList { tokens: tokens.iter().map(|token| shown(&api, token)).collect() }))
}

async fn create(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<CreateToken>,
) -> Result<(StatusCode, Extension<audit::About>, Json<CreatedToken>)> {
    let need = |value: Option<String>, key: &str| {
        let missing = || ApiError::invalid(format!("a token of kind \"{}\" needs \"{key}\"", body.kind));
        value.filter(|value| !value.is_empty()).ok_or_else(missing)
    };
    let scope = match body.kind.as_str() {
        "org" => NewScope::Org(need(body.org.clone(), "org")?),
        "org_read_only" => NewScope::OrgReadOnly(need(body.org.clone(), "org")?),
        "deploy" => NewScope::Deploy(app_name(&need(body.app.clone(), "app")?)?),
        "machine_exec" => {
            let commands = body.commands.iter();
            let commands = commands.map(|c| AllowedCommand { args: c.args.clone(), exact: c.exact });
            NewScope::MachineExec(app_name(&need(body.app.clone(), "app")?)?, commands.collect())
        }
        "user" => NewScope::User(need(body.user.clone(), "user")?),
        kind => {
            return Err(ApiError::invalid(format!(
                "unknown kind of token \"{kind}\"; kinds are deploy, org, org_read_only, machine_exec and user"
            )));
        }
    };
    let new = NewToken { name: body.name, scope, expiry: body.expiry.unwrap_or_default() };
    let created = super::create(&api, &caller, new).await?;
    let info = shown(&api, &created.record);
    let about = audit::About { org: info.org.clone(), app: info.app.clone(), action: None };
    Ok((StatusCode::CREATED, Extension(about), Json(CreatedToken { token: created.token, info })))
}

async fn deploy_token(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    AppPath(app): AppPath,
    Body(body): Body<CreateDeployToken>,
) -> Result<Json<DeployToken>> {
    let (scope, expiry) = (NewScope::Deploy(app.name), body.expiry.unwrap_or_default());
    let new = NewToken { name: "deploy token".to_owned(), scope, expiry };
    Ok(Json(DeployToken { token: super::create(&api, &caller, new).await?.token }))
}

async fn current(State(api): State<Arc<Api>>, Extension(caller): Extension<Caller>) -> Json<CurrentTokens> {
    let machine = caller.machine();
    let source = machine.map(|identity| identity.machine.to_string());
    let mut tokens: Vec<_> = caller
        .tokens()
        .map(|token| CurrentToken { source_machine_id: source.clone(), ..current_token(&api, token) })
        .collect();
    if let (Some(identity), true) = (machine, tokens.is_empty()) {
        tokens.push(CurrentToken {
            kind: "machine".to_owned(),
            name: caller.name.clone(),
            apps: vec![identity.app.to_string()],
            restricted_to_machine: source.clone(),
            source_machine_id: source,
            ..CurrentToken::default()
        });
    }
    Json(CurrentTokens { tokens })
}

pub fn current_token(api: &Api, token: &TokenRecord) -> CurrentToken {
    let shown = shown(api, token);
    let org = shown.org.as_deref().and_then(|slug| api.book.org(slug));
    CurrentToken {
        token_id: shown.id,
        kind: shown.kind,
        name: shown.name,
        user: shown.user,
        organization: org.as_ref().map(|org| org.slug.clone()),
        org_slug: shown.org,
        apps: shown.app.into_iter().collect(),
        source_machine_id: None,
        restricted_to_machine: None,
        expires_at: shown.expires_at,
    }
}

/// Ends the tokens of this very call.
async fn revoke_current(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode> {
    for token in caller.tokens() {
        super::revoke(&api, &caller, &token.id.to_string()).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    super::revoke(&api, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token, without what opens.
pub fn shown(api: &Api, token: &TokenRecord) -> Token {
    let commands = match &token.scope {
        TokenScope::MachineExec { commands, .. } => commands.as_slice(),
        _ => &[],
    };
    let org = match &token.scope {
        TokenScope::Deploy { org, .. } | TokenScope::MachineExec { org, .. } => Some(org.as_str()),
        scope => scope.org().map(|(slug, _)| slug),
    };
    Token {
        id: token.id.to_string(),
        name: token.name.clone(),
        kind: token.scope.kind().to_owned(),
        org: org.map(str::to_owned),
        app: token.scope.app().map(|(app, _)| app.to_string()),
        commands: commands.iter().map(|c| TokenCommand { args: c.args.clone(), exact: c.exact }).collect(),
        user: token.owner.as_ref().map(ToString::to_string),
        created_at: token.created_at.to_string(),
        expires_at: token.expires_at.map(|at| at.to_string()),
        revoked_at: token.revoked.as_ref().map(|revoked| revoked.at.to_string()),
        revoked_by: token.revoked.as_ref().map(|revoked| revoked.by.clone()),
        last_used_at: api.book.last_use(token.id).map(|at| at.to_string()),
    }
}

fn app_name(text: &str) -> Result<AppName> {
    text.parse().map_err(|_| {
        let message = format!("app not found: there is no app \"{text}\"");
        ApiError::new(roost_api_types::ErrorCode::AppNotFound, message)
    })
}

//! Tokens of others: whose they are, and whether they allow something. For services that are shown a token
//! and have no other way to know what it is worth.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use roost_api_types::{
    AuthenticateToken, AuthorizeToken, Authorized, Caveat, Caveats, ErrorCode, TokenAccess, TokenCommand,
    VerifiedToken,
};
use roost_model::{AppName, MachineId, VolumeId};
use roost_records::{AppRecord, TokenRecord, TokenScope};

use super::http::{current_token, shown};
use crate::{
    api::Api,
    auth::{AppRight, Caller, OrgRight, Who, good_tokens},
    error::{ApiError, Result},
    http::Body,
    orgs,
};

/// Parts of an org that its members do not change.
const OF_ADMINS: [&str; 3] = ["membership", "billing", "authentication"];

pub async fn authenticate(
    State(api): State<Arc<Api>>,
    Body(body): Body<AuthenticateToken>,
) -> Result<Json<Vec<VerifiedToken>>> {
    let tokens = tokens(&api, &body.header)?;
    Ok(Json(tokens.iter().map(|token| verified(&api, token)).collect()))
}

pub async fn authorize(
    State(api): State<Arc<Api>>,
    Extension(asking): Extension<Caller>,
    Body(body): Body<AuthorizeToken>,
) -> Result<Json<Authorized>> {
    let AuthorizeToken { header, access } = body;
    check_known(&access)?;
    for token in tokens(&api, &header)? {
        let caller = Caller::new(vec![Who::Token(Arc::clone(&token))], Arc::clone(&api.book));
        if allows(&api, &asking, &caller, &access).await? {
            return Ok(Json(Authorized { verified_token: verified(&api, &token), access }));
        }
    }
    Err(ApiError::new(ErrorCode::Forbidden, "no token of the header allows what `access` describes"))
}

pub async fn kms() -> ApiError {
    let message =
        "there is no key service beside the API: use /v1/apps/{app_name}/secretkeys, with a token of the app";
    ApiError::unsupported(message)
}

fn tokens(api: &Api, header: &str) -> Result<Vec<Arc<TokenRecord>>> {
    let tokens = good_tokens(api, header);
    if tokens.is_empty() {
        return Err(ApiError::invalid(
            "header: holds no token that is good here; send the value of an `Authorization` header, with its scheme",
        ));
    }
    Ok(tokens)
}

/// Keys that mean nothing here would otherwise make a yes of a question that was not understood.
fn check_known(access: &TokenAccess) -> Result<()> {
    let absent = [
        ("mutation", &access.mutation, "the API tells the right that each mutation needs"),
        ("storage_object", &access.storage_object, "there are no storage objects"),
        ("source_machine", &access.source_machine, "a token here is bound to no machine"),
    ];
    let given =
        absent.into_iter().find(|(_, value, _)| value.as_ref().is_some_and(|value| !value.is_empty()));
    match given {
        Some((key, _, why)) => Err(ApiError::unsupported(format!("access.{key}: {why}"))),
        None => Ok(()),
    }
}

/// Things that the one who asks may not see are not there for it.
async fn allows(api: &Api, asking: &Caller, caller: &Caller, access: &TokenAccess) -> Result<bool> {
    let Some(app) = app_of(api, access).await? else {
        let slug = access.org_slug.as_deref().filter(|slug| !slug.is_empty()).ok_or_else(|| {
            ApiError::invalid("access: name what is accessed: org_slug, app_name, machine_id or volume_id")
        })?;
        let org = orgs::find(api, asking, slug, OrgRight::See)?;
        let rights = org_rights(access)?;
        return Ok(rights.into_iter().all(|right| caller.may_org(right, &org)));
    };
    if !asking.may_app(AppRight::See, &app) {
        return Err(ApiError::no_app(&app.name));
    }
    if !access.command.is_empty() {
        return Ok(caller.may_run(&app, &access.command));
    }
    let part = access.machine_id.is_some() || access.volume_id.is_some();
    Ok(app_rights(&access.action, part)?.into_iter().all(|right| caller.may_app(right, &app)))
}

/// The app that is named, or whose machine or volume is.
async fn app_of(api: &Api, access: &TokenAccess) -> Result<Option<AppRecord>> {
    let mut names: Vec<AppName> = Vec::new();
    if let Some(name) = given(&access.app_name) {
        names.push(name.parse().map_err(|_| missing("app", name))?);
    }
    if let Some(id) = given(&access.machine_id) {
        let id: MachineId = id.parse().map_err(|_| missing("machine", id))?;
        names.push(api.hosts.host().machine(&id).await?.app);
    }
    if let Some(id) = given(&access.volume_id) {
        let id: VolumeId = id.parse().map_err(|_| missing("volume", id))?;
        names.push(api.hosts.host().volume(&id).await?.app);
    }
    let Some(name) = names.first() else { return Ok(None) };
    if names.iter().any(|other| other != name) {
        return Err(ApiError::invalid("access: what it names belongs to different apps"));
    }
    Ok(Some(api.store.app(name).await?.record))
}

fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}

fn missing(what: &str, name: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("access: there is no {what} \"{name}\""))
}

/// Letters of an action: read, write, create, delete, control.
fn app_rights(action: &str, part: bool) -> Result<Vec<AppRight>> {
    each(action, |letter| match letter {
        'r' => Some(AppRight::Read),
        'w' | 'c' | 'C' => Some(AppRight::Write),
        'd' => Some(if part { AppRight::Write } else { AppRight::Delete }),
        _ => None,
    })
}

fn org_rights(access: &TokenAccess) -> Result<Vec<OrgRight>> {
    let of_admins = given(&access.org_feature).is_some_and(|feature| OF_ADMINS.contains(&feature));
    each(&access.action, |letter| match letter {
        'r' => Some(OrgRight::Read),
        'w' | 'c' | 'C' | 'd' if of_admins => Some(OrgRight::Manage),
        'w' | 'c' | 'C' => Some(OrgRight::Write),
        'd' if access.org_feature.is_some() => Some(OrgRight::Write),
        'd' => Some(OrgRight::Manage),
        _ => None,
    })
}

fn each<R>(action: &str, right: impl Fn(char) -> Option<R>) -> Result<Vec<R>> {
    let rights: Option<Vec<R>> = action.chars().map(right).collect();
    rights.filter(|rights| !rights.is_empty()).ok_or_else(|| {
        ApiError::invalid(format!("access.action: \"{action}\" is to be of the letters r, w, c, d and C"))
    })
}

fn verified(api: &Api, token: &TokenRecord) -> VerifiedToken {
    let info = shown(api, token);
    let mut caveats = Vec::new();
    caveats.extend(info.org.map(|slug| Caveat::Organization { slug }));
    caveats.extend(info.app.map(|name| Caveat::App { name }));
    if matches!(token.scope, TokenScope::OrgReadOnly { .. }) {
        caveats.push(Caveat::ReadOnly);
    }
    if let TokenScope::MachineExec { commands, .. } = &token.scope {
        let commands = commands.iter().map(|c| TokenCommand { args: c.args.clone(), exact: c.exact });
        caveats.push(Caveat::Commands { commands: commands.collect() });
    }
    caveats.extend(info.expires_at.map(|at| Caveat::ValidUntil { at }));
    VerifiedToken { token: current_token(api, token), caveats: Caveats { caveats } }
}

//! Lets a call in: who it comes from, and whether they may.
//!
//! Every call under `/v1` shows a token: as `Bearer`, as `FlyV1`, or as the password of `Basic`. A call
//! through a machine's own socket shows none, and may show one for more.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header::AUTHORIZATION};
use roost_api_types::ErrorCode;
use roost_model::AppName;
use roost_records::TokenRecord;
use roost_wire::authorization::{self, Authorization};

use super::{AppRight, Caller, MachineIdentity, Who, routes, routes::Needs, unauthorized};
use crate::{
    api::Api,
    audit::{Call, Outcome},
    error::{ApiError, Result},
};

/// Tokens in one header, separated by commas; clients of the Machines API send several.
const MAX_TOKENS: usize = 8;

pub async fn authenticate(
    State(api): State<Arc<Api>>,
    route: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Result<Response> {
    let machine = request.extensions().get::<MachineIdentity>().cloned();
    let caller = identify(&api, request.headers(), machine)?;
    if let Some(route) = &route {
        match api.limiter.admit(&caller, route.as_str(), &request) {
            Ok(Duration::ZERO) => {}
            Ok(wait) => tokio::time::sleep(wait).await,
            Err(limited) => return Ok(limited.into_response()),
        }
    }
    let admitted = match route {
        Some(route) => authorize(&api, &caller, route.as_str(), &mut request).await,
        None => Ok(()),
    };
    let mut call = Call::of(&api, &caller, &request);
    if let Err(refused) = admitted {
        let response = refused.into_response();
        call.end(&api, Outcome::of(&response)).await;
        return Ok(response);
    }
    request.extensions_mut().insert(caller);
    call.begin(&api).await;
    let response = next.run(request).await;
    call.end(&api, Outcome::of(&response)).await;
    Ok(response)
}

/// Who shows these headers.
fn identify(api: &Api, headers: &HeaderMap, machine: Option<MachineIdentity>) -> Result<Caller> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tokens = tokens(value);
    let good = good_tokens(api, value).into_iter().map(Who::Token);
    let who: Vec<Who> = good.chain(machine.map(Who::Machine)).collect();
    if !who.is_empty() {
        return Ok(Caller::new(who, Arc::clone(&api.book)));
    }
    Err(unauthorized(if tokens.is_empty() {
        "this call needs an API token: send `Authorization: Bearer <token>` (the CLI: set ROOST_API_TOKEN)"
    } else {
        "the API token is not known here, or has expired; set ROOST_API_TOKEN to one of this server"
    }))
}

/// Checks what the call needs. The record of the app that it is about goes on with the request: the
/// handler works on what was looked at here.
async fn authorize(api: &Api, caller: &Caller, route: &str, request: &mut Request) -> Result<()> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let Some(needs) = routes::needs(&method, route) else {
        return Err(undeclared(&method, route, &path));
    };
    match needs {
        Needs::Identity => {}
        Needs::Token if caller.tokens().next().is_none() => {
            return Err(unauthorized(
                "a machine needs a token for this: it may ask about itself without one",
            ));
        }
        Needs::Token => {}
        Needs::Server => caller.check_server()?,
        Needs::Org(right) => {
            let slug = routes::subject(route, &path);
            let org = api.book.org(slug).ok_or_else(|| ApiError::no_org(slug))?;
            caller.check_org(right, &org)?;
        }
        Needs::App(_) | Needs::OwnMachine => {
            let name = routes::subject(route, &path);
            let no_app = |_| {
                ApiError::new(ErrorCode::AppNotFound, format!("app not found: there is no app \"{name}\""))
            };
            let name: AppName = name.parse().map_err(no_app)?;
            let app = api.store.app(&name).await?.record;
            if caller.may_app(AppRight::See, &app) {
                request.extensions_mut().insert(app.clone());
            }
            match needs {
                Needs::App(AppRight::See) if !caller.may_app(AppRight::See, &app) && is_app(route) => {
                    return Err(name_taken(&name));
                }
                Needs::App(right) => caller.check_app(right, &app)?,
                _ if is_itself(caller, &app.name, routes::machine(route, &path)) => {}
                _ => caller.check_app(AppRight::Write, &app)?,
            }
        }
    }
    Ok(())
}

fn is_itself(caller: &Caller, app: &AppName, machine: &str) -> bool {
    caller.machine().is_some_and(|identity| identity.app == *app && identity.machine.as_str() == machine)
}

/// Whether the call is about an app's own record: there clients ask whether a name is free.
fn is_app(route: &str) -> bool {
    route.split('/').count() == "/v1/apps/{app}".split('/').count()
}

fn name_taken(name: &AppName) -> ApiError {
    let message = format!("the name \"{name}\" is taken by an app that this token may not see");
    ApiError::new(ErrorCode::Forbidden, message)
}

/// A path that takes other methods, or one that somebody added without saying what it needs.
fn undeclared(method: &http::Method, route: &str, path: &str) -> ApiError {
    if routes::METHODS.iter().any(|other| routes::needs(other, route).is_some()) {
        return ApiError::new(ErrorCode::MethodNotAllowed, format!("{path} does not take {method}"));
    }
    ApiError::internal(format!("{method} {route} is closed: no right is declared for it"))
}

/// The tokens that are good, of those in the value of an authorization header.
pub fn good_tokens(api: &Api, value: &str) -> Vec<Arc<TokenRecord>> {
    tokens(value).iter().take(MAX_TOKENS).filter_map(|token| api.book.token(token)).collect()
}

fn tokens(value: &str) -> Vec<String> {
    let text = match authorization::read(value) {
        Some(Authorization::Bearer(token)) => token,
        Some(Authorization::Basic { password, .. }) => password,
        None => return Vec::new(),
    };
    text.split(',').map(str::trim).filter(|token| !token.is_empty()).map(str::to_owned).collect()
}

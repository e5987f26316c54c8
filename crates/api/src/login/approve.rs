//! The page on which a person approves a login.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use roost_model::AppName;
use roost_records::{Email, TokenScope};
use serde::Deserialize;

use super::{
    browser::{form_key, is_own_form},
    page::{self, Asked},
    pending::{Lock, Login, Proof, user_code},
};
use crate::{
    api::Api,
    auth::{AppRight, Caller, OrgRight, Who},
    error::{ApiError, Result},
    orgs,
};

pub async fn show(State(api): State<Arc<Api>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let Some(login) = api.logins.waiting(&id) else { return over() };
    let signed_in = signed_in(&api, &headers).map(|(_, email)| email);
    page::ask(&asked(&id, &login, &headers, signed_in.as_ref(), None)).into_response()
}

#[derive(Deserialize)]
pub struct Answer {
    #[serde(default)]
    answer: String,
    #[serde(default)]
    form_key: String,
    /// Pasted, by a person who is not signed in.
    #[serde(default)]
    token: String,
}

pub async fn answer(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Answer>,
) -> Response {
    let Some(login) = api.logins.waiting(&id) else { return over() };
    let again = |status: StatusCode, problem: &str| {
        let signed_in = signed_in(&api, &headers).map(|(_, email)| email);
        let asked = asked(&id, &login, &headers, signed_in.as_ref(), Some(problem));
        (status, page::ask(&asked)).into_response()
    };
    if !is_own_form(&headers) || form.form_key != form_key(&headers, &id) {
        return again(StatusCode::FORBIDDEN, "This form was not sent by this page. Answer again.");
    }
    if form.answer == "deny" {
        api.logins.deny(&id);
        return page::message("Login denied", "The command line gets no token. You can close this page.");
    }
    let pasted = form.token.trim();
    let person = match pasted {
        "" => signed_in(&api, &headers),
        token => person_of(&api, api.book.token(token)),
    };
    let Some((caller, email)) = person else {
        return again(StatusCode::UNAUTHORIZED, "That is no good token of a login on this server.");
    };
    let scope = match scope(&api, &caller, &login.lock).await {
        Ok(scope) => scope,
        Err(error) => return again(StatusCode::FORBIDDEN, &error.message),
    };
    let Some(code) = api.logins.approve(&id, email.clone(), scope) else { return over() };
    tracing::info!(user = %email, host_name = login.host_name, "login approved");
    let mut response = match &login.proof {
        Proof::Pkce { state, port, .. } => page::code(&code, state, *port),
        Proof::Id => page::message("Logged in", "Go back to the terminal. You can close this page."),
    };
    let secure = api.config.url_for(&headers).starts_with("https:");
    if !pasted.is_empty()
        && let Some(cookie) = api.browser_sessions.begin(pasted, secure)
    {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

pub async fn sign_out(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    if is_own_form(&headers) {
        api.browser_sessions.end(&headers);
    }
    let back = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    let path = back.and_then(|url| url.find("/auth/cli/").map(|at| url[at..].to_owned()));
    match path {
        Some(path) => Redirect::to(&path).into_response(),
        None => page::message("Signed out", "This browser is not signed in any more."),
    }
}

fn over() -> Response {
    let text = "It was answered, has expired, or never began. Run the command again.";
    (StatusCode::NOT_FOUND, page::message("No such login", text)).into_response()
}

fn asked<'a>(
    id: &'a str,
    login: &'a Login,
    headers: &HeaderMap,
    signed_in: Option<&Email>,
    problem: Option<&'a str>,
) -> Asked<'a> {
    Asked {
        host_name: &login.host_name,
        user_code: user_code(id),
        lock: &login.lock,
        form_key: form_key(headers, id),
        signed_in: signed_in.map(ToString::to_string),
        problem,
    }
}

fn signed_in(api: &Api, headers: &HeaderMap) -> Option<(Caller, Email)> {
    person_of(api, api.browser_sessions.signed_in(headers, &api.book))
}

/// Only the token of a login approves another one.
fn person_of(api: &Api, token: Option<Arc<roost_records::TokenRecord>>) -> Option<(Caller, Email)> {
    let caller = Caller::new(vec![Who::Token(token?)], Arc::clone(&api.book));
    let email = caller.person().ok()?.email.clone();
    Some((caller, email))
}

/// What the new token is to allow: all that the person may do, unless the client asked for less.
async fn scope(api: &Api, caller: &Caller, lock: &Lock) -> Result<TokenScope> {
    if let Some(app) = &lock.app {
        let missing = |_| ApiError::invalid(format!("there is no app \"{app}\""));
        let name: AppName = app.parse().map_err(missing)?;
        let app = api.store.app(&name).await?.record;
        caller.check_app(AppRight::Write, &app)?;
        return Ok(TokenScope::Deploy { app: app.name, number: app.number, org: app.org });
    }
    if let Some(org) = &lock.org {
        let org = orgs::find(api, caller, org, OrgRight::Write)?;
        return Ok(TokenScope::Org { org: org.slug.clone(), number: org.number });
    }
    Ok(TokenScope::User)
}

//! The calls of the command line.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use roost_api_types::{BeginLogin, BegunLogin, ErrorCode, LoginToken, RedeemLogin};
use serde_json::json;

use super::pending::{Approved, Lock, Proof, Refused, user_code};
use crate::{
    api::Api,
    audit,
    error::{ApiError, Result},
    http::Body,
    tokens,
};

/// Longest name of a computer that is shown.
const MAX_NAME: usize = 100;

/// Longest challenge, state or name in the body.
const MAX_TEXT: usize = 200;

pub async fn begin(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    Body(body): Body<BeginLogin>,
) -> Result<(StatusCode, Json<BegunLogin>)> {
    let metadata = body.metadata.unwrap_or_default();
    if metadata.lock_instance.is_some_and(|id| !id.is_empty()) {
        let message = "lock_instance: a login can not be restricted to one machine; use lock_app";
        return Err(ApiError::invalid(message));
    }
    let proof = match body.code_challenge.filter(|challenge| !challenge.is_empty()) {
        None => Proof::Id,
        Some(_) if body.code_challenge_method.as_deref() != Some("S256") => {
            return Err(ApiError::invalid("code_challenge_method: only S256 is known"));
        }
        Some(challenge) => Proof::Pkce {
            challenge: short("code_challenge", challenge)?,
            state: short("state", body.state.unwrap_or_default())?,
            port: body.redirect_port.filter(|port| *port > 0),
        },
    };
    let named = |key, text: Option<String>| {
        text.filter(|text| !text.is_empty()).map(|text| short(key, text)).transpose()
    };
    let lock = Lock {
        org: named("lock_organization", metadata.lock_organization)?,
        app: named("lock_app", metadata.lock_app)?,
    };
    let host_name: String = body.name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    let pkce = matches!(proof, Proof::Pkce { .. });
    let id = api.logins.begin(host_name, proof, lock);
    let auth_url = format!("{}/auth/cli/{id}", api.config.url_for(&headers));
    Ok((StatusCode::CREATED, Json(BegunLogin { auth_url, pkce, user_code: user_code(&id), id })))
}

/// Answers 404 until a person has said yes, which clients take as "ask again".
pub async fn poll(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Json<LoginToken>> {
    match api.logins.take(&id) {
        Ok(approved) => Ok(Json(hand_out(&api, &id, approved, "cli login").await?)),
        Err(_) => {
            Err(ApiError::new(ErrorCode::NotFound, "nobody has approved this login yet, or it is over"))
        }
    }
}

pub async fn redeem(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    Body(body): Body<RedeemLogin>,
) -> Result<Response> {
    match api.logins.redeem(&id, &body.code, &body.code_verifier) {
        Ok(approved) => Ok(Json(hand_out(&api, &id, approved, "cli login").await?).into_response()),
        Err(Refused::Unknown) => {
            Err(ApiError::new(ErrorCode::NotFound, "there is no such login: it is over, or was never begun"))
        }
        // The word is what clients know.
        Err(_) => Ok((StatusCode::FORBIDDEN, Json(json!({ "error": "invalid_code" }))).into_response()),
    }
}

async fn hand_out(api: &Api, id: &str, approved: Approved, name: &str) -> Result<LoginToken> {
    let user = api.book.user(&approved.user).ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, "the user who approved this login is not there any more")
    })?;
    let created = tokens::create_login(api, &user, name, approved.scope).await?;
    audit::note(api, approved.user.as_str(), "LOGIN", "/api/v1/cli_sessions", 200).await;
    Ok(LoginToken { id: id.to_owned(), access_token: created.token, pkce: true })
}

/// Logging in with a password.
pub async fn password() -> ApiError {
    ApiError::new(
        ErrorCode::Unauthorized,
        "this server has no passwords: log in in the browser (fly auth login), or set FLY_API_TOKEN to a token",
    )
}

fn short(key: &str, text: String) -> Result<String> {
    match text.len() <= MAX_TEXT && text.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(text),
        false => Err(ApiError::invalid(format!("{key}: at most {MAX_TEXT} printable ASCII characters"))),
    }
}

//! Every call under `/v1` shows a token: as `Bearer`, as `FlyV1`, or as the password of `Basic`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header::AUTHORIZATION};

use super::{unauthorized, verify};
use crate::{api::Api, error::Result};

/// Tokens in one header, separated by commas; clients of the Machines API send several.
const MAX_TOKENS: usize = 8;

/// Who a call comes from; there in every request that reaches a handler.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Name of the token.
    pub name: String,
}

pub async fn authenticate(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Result<Response> {
    let tokens = tokens(request.headers());
    if tokens.is_empty() {
        return Err(unauthorized(
            "this call needs an API token: send `Authorization: Bearer <token>` (the CLI: set ROOST_API_TOKEN)",
        ));
    }
    let mut refused = None;
    for token in tokens.iter().take(MAX_TOKENS) {
        match verify(&*api.store.directory, token).await {
            Ok(record) => {
                request.extensions_mut().insert(Caller { name: record.name });
                return Ok(next.run(request).await);
            }
            Err(error) => refused = Some(error),
        }
    }
    Err(refused.unwrap_or_else(|| unauthorized("no API token was sent")))
}

fn tokens(headers: &HeaderMap) -> Vec<String> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some((scheme, rest)) = value.trim().split_once(' ') else { return Vec::new() };
    let text = match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "flyv1" => rest.to_owned(),
        "basic" => password(rest.trim()).unwrap_or_default(),
        _ => return Vec::new(),
    };
    text.split(',').map(str::trim).filter(|token| !token.is_empty()).map(str::to_owned).collect()
}

fn password(credentials: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
    text.split_once(':').map(|(_user, password)| password.to_owned())
}

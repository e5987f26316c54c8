//! The calls: a machine asks for a token, others for the keys that check it.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    routing,
};
use jiff::Timestamp;
use roost_api_types::{CreateIdentityToken, ErrorCode};
use serde_json::{Value, json};

use super::claims::{About, claims};
use crate::{
    api::Api,
    auth::Caller,
    error::{ApiError, Result},
    http::Body,
    openapi::{Routes, call, post},
};

/// Longest audience: a URL.
const MAX_AUDIENCE: usize = 512;

pub fn routes() -> Routes {
    let create = call("Tokens_request_OIDC", "A machine's token of its identity, as text");
    Routes::new().at("/v1/tokens/oidc", post(create.media("text/plain"), self::create))
}

/// What everybody may read.
pub fn public_routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/oidc/{org}/.well-known/openid-configuration", routing::get(configuration))
        .route("/oidc/{org}/.well-known/jwks", routing::get(keys))
        .with_state(api)
}

/// The token itself, as text. Only a machine gets one, and only its own.
async fn create(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body<CreateIdentityToken>,
) -> Result<String> {
    let identity = caller.machine().ok_or_else(|| {
        let message =
            "only a machine gets a token of its identity: ask through the socket /.fly/api inside it";
        ApiError::new(ErrorCode::Forbidden, message)
    })?;
    let app = api.store.app(&identity.app).await?.record;
    let org = api.store.org(&app.org).await?;
    let machine = api.hosts.host().machine(&identity.machine).await?;
    let issuer = issuer(&api, &org.slug);
    let audience = body.aud.filter(|aud| !aud.is_empty()).unwrap_or_else(|| issuer.clone());
    if audience.len() > MAX_AUDIENCE {
        return Err(ApiError::invalid(format!("aud: at most {MAX_AUDIENCE} bytes")));
    }
    let about = About {
        issuer: &issuer,
        audience: &audience,
        org: &org,
        app: &app,
        machine: &machine,
        aws_principal_tags: body.aws_principal_tags,
    };
    let signed = api.identity_keys.sign(&claims(&about, Timestamp::now()));
    signed.map_err(|error| ApiError::internal(error.to_string()))
}

/// OpenID Connect Discovery 1.0, as far as those need it who only check tokens.
async fn configuration(State(api): State<Arc<Api>>, Path(org): Path<String>) -> Result<Json<Value>> {
    let issuer = known_issuer(&api, &org)?;
    Ok(Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "org_id", "org_name", "app_id", "app_name",
            "machine_id", "machine_name", "machine_version", "image", "image_digest", "region",
        ],
    })))
}

async fn keys(State(api): State<Arc<Api>>, Path(org): Path<String>) -> Result<Json<Value>> {
    known_issuer(&api, &org)?;
    Ok(Json(api.identity_keys.published()))
}

fn known_issuer(api: &Api, org: &str) -> Result<String> {
    let org = api.book.org(org).ok_or_else(|| ApiError::no_org(org))?;
    Ok(issuer(api, &org.slug))
}

fn issuer(api: &Api, org: &str) -> String {
    format!("{}/oidc/{org}", api.config.public_url())
}

//! What handlers take out of a request, with errors in the API's own shape.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, FromRequestParts, RawPathParams, Request, rejection::BytesRejection},
    http::request::Parts,
};
use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use roost_api_types::{ErrorCode, LEASE_NONCE_HEADER, MAX_BODY_BYTES};
use roost_host_api::{Cause, HostClient, Machine};
use roost_model::{AppName, MachineId};
use roost_records::AppRecord;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{
    api::Api,
    error::{ApiError, Result},
    openapi::{Input, Schemas, Signature},
};

/// A JSON body, whatever its content type says; an empty one and `null` (which some clients send for
/// nothing) read as `{}`.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let said = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let said = said.unwrap_or_default().to_owned();
        // Said beforehand, so that the sender need not send it only to be cut off.
        if length(request.headers()).is_some_and(|length| length > MAX_BODY_BYTES as u64) {
            return Err(too_large());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let json: &[u8] = if matches!(&bytes[..], b"" | b"null") { b"{}" } else { &bytes };
        serde_json::from_slice(json).map(Self).map_err(|e| not_understood(&e, &said))
    }
}

impl<T: JsonSchema> Input for Body<T> {
    fn describe(signature: &mut Signature, schemas: &mut Schemas) {
        signature.body::<T>(schemas);
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large() -> ApiError {
    ApiError::new(ErrorCode::TooLarge, format!("the body is larger than {} MiB", MAX_BODY_BYTES >> 20))
}

fn unread(error: BytesRejection) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => ApiError::invalid(format!("the body can not be read: {}", error.body_text())),
    }
}

/// The content type is no reason to refuse JSON, which many clients send as something else; only if the body
/// is not JSON does it tell what is wrong.
fn not_understood(error: &serde_json::Error, content_type: &str) -> ApiError {
    if error.is_data() || content_type.is_empty() || content_type.contains("json") {
        return ApiError::invalid(format!("the body can not be read: {error}"));
    }
    let message = format!("the body is {content_type}; this call reads JSON (application/json)");
    ApiError::new(ErrorCode::UnsupportedMediaType, message)
}

/// The query.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = serde_urlencoded::from_str(parts.uri.query().unwrap_or_default());
        query.map(Self).map_err(|e| ApiError::invalid(format!("the query can not be read: {e}")))
    }
}

impl<T: JsonSchema> Input for Params<T> {
    fn describe(signature: &mut Signature, schemas: &mut Schemas) {
        signature.parameters.extend(schemas.query::<T>());
    }
}

/// The app that the path names: as it was when the caller's right was looked at.
pub struct AppPath(pub AppRecord);

impl FromRequestParts<Arc<Api>> for AppPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self> {
        if let Some(app) = parts.extensions.get::<AppRecord>() {
            return Ok(Self(app.clone()));
        }
        let name = param(parts, api, "app_name").await?;
        let no_app =
            |_| ApiError::new(ErrorCode::AppNotFound, format!("app not found: there is no app \"{name}\""));
        let name: AppName = name.parse().map_err(no_app)?;
        Ok(Self(api.store.app(&name).await?.record))
    }
}

impl Input for AppPath {
    fn describe(_: &mut Signature, _: &mut Schemas) {}
}

/// The machine that the path names, its app, its host, and the lease that the caller holds.
pub struct MachinePath {
    pub app: AppRecord,
    pub machine: Machine,
    pub host: HostClient,
    pub nonce: Option<String>,
}

impl FromRequestParts<Arc<Api>> for MachinePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self> {
        let AppPath(app) = AppPath::from_request_parts(parts, api).await?;
        let id = param(parts, api, "machine_id").await?;
        let id: MachineId = id.parse().map_err(|_| {
            let message = format!("machine not found: \"{id}\" is no machine id (14 hex digits)");
            ApiError::new(ErrorCode::MachineNotFound, message)
        })?;
        let host = api.hosts.host().clone();
        let machine = host.machine(&id).await.map_err(ApiError::from).map_err(|e| match e.code {
            ErrorCode::MachineNotFound => ApiError::no_machine(&app.name, &id),
            _ => e,
        })?;
        if machine.app != app.name {
            return Err(ApiError::no_machine(&app.name, &id));
        }
        let nonce = parts.headers.get(LEASE_NONCE_HEADER).and_then(|value| value.to_str().ok());
        Ok(Self { app, machine, host, nonce: nonce.map(str::to_owned) })
    }
}

impl Input for MachinePath {
    fn describe(signature: &mut Signature, _: &mut Schemas) {
        signature.header(LEASE_NONCE_HEADER, "Nonce of the machine's lease, when somebody holds one");
    }
}

impl MachinePath {
    /// For the event that a change leaves.
    pub fn cause(&self) -> Cause {
        Cause { source: "user".to_owned(), reason: None, lease_nonce: self.nonce.clone() }
    }
}

/// A variable of the path.
pub async fn param(parts: &mut Parts, api: &Arc<Api>, name: &str) -> Result<String> {
    let params = RawPathParams::from_request_parts(parts, api).await;
    let params = params.map_err(|e| ApiError::invalid(e.to_string()))?;
    let value = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    value.ok_or_else(|| ApiError::internal(format!("the route has no {name}")))
}

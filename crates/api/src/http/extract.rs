//! What handlers take out of a request, with errors in the API's own shape.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::request::Parts,
};
use bytes::Bytes;
use roost_api_types::{ErrorCode, LEASE_NONCE_HEADER};
use roost_host_api::{Cause, HostClient, Machine};
use roost_model::{AppName, MachineId};
use roost_records::AppRecord;
use serde::de::DeserializeOwned;

use crate::{
    api::Api,
    error::{ApiError, Result},
};

/// A JSON body, whatever its content type says; an empty one and `null` (which some clients send for
/// nothing) read as `{}`.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let bytes =
            Bytes::from_request(request, state).await.map_err(|e| ApiError::invalid(e.to_string()))?;
        let json: &[u8] = if matches!(&bytes[..], b"" | b"null") { b"{}" } else { &bytes };
        let value = serde_json::from_slice(json);
        value.map(Self).map_err(|e| ApiError::invalid(format!("the body can not be read: {e}")))
    }
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

/// The app that the path names: as it was when the caller's right was looked at.
pub struct AppPath(pub AppRecord);

impl FromRequestParts<Arc<Api>> for AppPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self> {
        if let Some(app) = parts.extensions.get::<AppRecord>() {
            return Ok(Self(app.clone()));
        }
        let name = param(parts, api, "app").await?;
        let no_app =
            |_| ApiError::new(ErrorCode::AppNotFound, format!("app not found: there is no app \"{name}\""));
        let name: AppName = name.parse().map_err(no_app)?;
        Ok(Self(api.store.app(&name).await?.record))
    }
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
        let id = param(parts, api, "machine").await?;
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

impl MachinePath {
    /// For the event that a change leaves.
    pub fn cause(&self) -> Cause {
        Cause { source: "user".to_owned(), reason: None, lease_nonce: self.nonce.clone() }
    }
}

async fn param(parts: &mut Parts, api: &Arc<Api>, name: &str) -> Result<String> {
    let params = RawPathParams::from_request_parts(parts, api).await;
    let params = params.map_err(|e| ApiError::invalid(e.to_string()))?;
    let value = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    value.ok_or_else(|| ApiError::internal(format!("the route has no {name}")))
}

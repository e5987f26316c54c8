//! Reading requests and writing answers: everything that fails, fails with an [`ErrorBody`].

pub use axum::Json;
use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use hyper::body::Bytes;
use roost_host_api::ErrorBody;
use serde::de::DeserializeOwned;

use crate::request::invalid;

pub type Answer<T> = Result<Json<T>, Refusal>;

/// An answer that is not a success.
pub struct Refusal(pub ErrorBody);

impl From<ErrorBody> for Refusal {
    fn from(body: ErrorBody) -> Self {
        Self(body)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0)).into_response()
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, state).await.map_err(|e| Refusal(invalid(e.to_string())))?;
        let value = serde_json::from_slice(&bytes);
        value.map(Self).map_err(|e| Refusal(invalid(format!("the body can not be read: {e}"))))
    }
}

/// The query.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let query = axum::extract::Query::try_from_uri(&parts.uri);
        query.map(|q| Self(q.0)).map_err(|e| Refusal(invalid(format!("the query can not be read: {e}"))))
    }
}

/// The one variable of the path.
pub struct PathOf<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathOf<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|p| Self(p.0)).map_err(|e| Refusal(invalid(e.to_string())))
    }
}

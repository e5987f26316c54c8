//! Errors that happen outside of a document, told the way GraphQL tells errors.

use axum::{
    Json,
    body::to_bytes,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use roost_api_types::{ErrorBody, ErrorCode};
use roost_graphql::{Refusal, refused};

use super::session::code_of;

/// An error's body is a sentence or two.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// Whatever was answered, the status is 200.
pub async fn in_band(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.status().is_success() {
        return response;
    }
    let status = response.status();
    let bytes = to_bytes(response.into_body(), MAX_ERROR_BYTES).await.unwrap_or_default();
    let (code, message) = match serde_json::from_slice::<ErrorBody>(&bytes) {
        Ok(body) => (body.status, body.error),
        Err(_) if status.is_client_error() => (ErrorCode::InvalidRequest, status.to_string()),
        Err(_) => (ErrorCode::Unknown, status.to_string()),
    };
    Json(refused(&Refusal::new(code_of(code), message))).into_response()
}

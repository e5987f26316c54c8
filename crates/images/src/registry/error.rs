//! Errors as the distribution specification writes them.

use std::io;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{digest::InvalidDigest, path::Misplaced};

/// Status, code and a sentence; the challenge goes with 401.
#[derive(Debug)]
pub struct RegistryError {
    status: StatusCode,
    code: &'static str,
    message: String,
    challenge: Option<String>,
}

impl RegistryError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), challenge: None }
    }

    pub fn unauthorized(message: impl Into<String>, challenge: String) -> Self {
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message) }
    }

    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "DENIED", message)
    }

    pub fn path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NAME_INVALID", "no such path in a registry")
    }

    pub fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "this path does not take this method")
    }

    pub fn name(reason: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "NAME_INVALID", reason)
    }

    pub fn tag(reason: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", reason)
    }

    pub fn digest(error: InvalidDigest) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", error.to_string())
    }

    pub fn blob_unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "this repository has no such blob")
    }

    pub fn manifest_unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "this repository has no such manifest")
    }

    pub fn upload_unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "no such upload; begin a new one")
    }

    pub fn upload_busy() -> Self {
        Self::new(StatusCode::CONFLICT, "BLOB_UPLOAD_INVALID", "another request is writing to this upload")
    }

    pub fn manifest_invalid(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", reason)
    }

    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message)
    }
}

impl From<Misplaced> for RegistryError {
    fn from(wrong: Misplaced) -> Self {
        match wrong {
            Misplaced::NoPath => Self::path(),
            Misplaced::Name(reason) => Self::name(reason),
            Misplaced::Upload => Self::upload_unknown(),
            Misplaced::Digest(error) => Self::digest(error),
            Misplaced::Tag(reason) => Self::tag(reason),
        }
    }
}

impl From<io::Error> for RegistryError {
    fn from(error: io::Error) -> Self {
        tracing::error!(%error, "the registry's folder failed");
        if error.kind() == io::ErrorKind::StorageFull {
            let message = "the registry's disk is full; free some space, then push again";
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, "UNKNOWN", message);
        }
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "UNKNOWN",
            "the registry could not read or write its folder",
        )
    }
}

impl IntoResponse for RegistryError {
    fn into_response(self) -> Response {
        let body = Json(json!({"errors": [{"code": self.code, "message": self.message}]}));
        let mut response = (self.status, body).into_response();
        if let Some(challenge) = self.challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

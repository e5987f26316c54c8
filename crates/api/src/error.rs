//! What a caller is told when a call does not succeed.

use std::fmt;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use roost_api_types::{ErrorBody, ErrorCode};
use roost_directory::DirectoryError;
use roost_host_api::{ErrorCode as HostCode, HostError};
use roost_images::ImageError;
use roost_model::{AppName, InvalidGuest, MachineId};
use roost_records::Corrupt;
use roost_seal::{InvalidHostKey, NotOpened};

pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// A code, and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    pub code: ErrorCode,
    pub message: String,
    pub details: Option<serde_json::Value>,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// Known to clients, and not offered here: the message says what to do instead.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unsupported, message)
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unknown, message)
    }

    pub fn no_app(app: &AppName) -> Self {
        let message =
            format!("app not found: there is no app \"{app}\"; `roost apps list` shows those there are");
        Self::new(ErrorCode::AppNotFound, message)
    }

    pub fn no_org(slug: &str) -> Self {
        let message = format!("there is no organization \"{slug}\"; `roost orgs list` shows those there are");
        Self::new(ErrorCode::NotFound, message)
    }

    pub fn no_machine(app: &AppName, id: &MachineId) -> Self {
        let message = format!(
            "machine not found: app \"{app}\" has no machine {id}; `roost machine list -a {app}` shows those it has"
        );
        Self::new(ErrorCode::MachineNotFound, message)
    }

    pub fn no_release(app: &AppName, version: u64) -> Self {
        let message =
            format!("app \"{app}\" has no release v{version}; `roost releases -a {app}` shows those it has");
        Self::new(ErrorCode::ReleaseNotFound, message)
    }

    /// Somebody else wrote the same record again and again.
    pub fn contended() -> Self {
        Self::new(ErrorCode::Unavailable, "others are changing the same thing; try again")
    }

    pub fn details(self, details: impl serde::Serialize) -> Self {
        Self { details: serde_json::to_value(details).ok(), ..self }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.http_status();
        if status == 500 {
            tracing::error!(error = %self.message, "a call failed");
        }
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ErrorBody { error: self.message, status: self.code, details: self.details };
        (status, Json(body)).into_response()
    }
}

impl From<HostError> for ApiError {
    fn from(error: HostError) -> Self {
        let code = match error.code() {
            Some(HostCode::InvalidRequest) => ErrorCode::InvalidRequest,
            Some(HostCode::MachineNotFound) => ErrorCode::MachineNotFound,
            Some(HostCode::VolumeNotFound) => ErrorCode::VolumeNotFound,
            Some(HostCode::SnapshotNotFound) => ErrorCode::SnapshotNotFound,
            Some(HostCode::VolumeInUse) => ErrorCode::VolumeInUse,
            Some(HostCode::NameTaken) => ErrorCode::NameTaken,
            Some(HostCode::WrongState) => ErrorCode::WrongState,
            Some(HostCode::LeaseHeld) => ErrorCode::LeaseHeld,
            Some(HostCode::LeaseNotFound) => ErrorCode::LeaseNotFound,
            Some(HostCode::VersionMismatch) => ErrorCode::VersionMismatch,
            Some(HostCode::NoCapacity) => ErrorCode::InsufficientCapacity,
            Some(HostCode::ReservationNotFound) => ErrorCode::NotFound,
            Some(HostCode::ImageUnavailable) => ErrorCode::ImageUnavailable,
            Some(HostCode::Timeout) => ErrorCode::Timeout,
            Some(HostCode::GuestUnavailable) => ErrorCode::Unavailable,
            Some(HostCode::Internal) => ErrorCode::Unknown,
            None => ErrorCode::Unavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<DirectoryError> for ApiError {
    fn from(error: DirectoryError) -> Self {
        let code = match &error {
            DirectoryError::InvalidRequest(_) => ErrorCode::InvalidRequest,
            DirectoryError::Unavailable(_) => ErrorCode::Unavailable,
            _ => ErrorCode::Unknown,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        Self::new(ErrorCode::ImageUnavailable, error.to_string())
            .details(serde_json::json!({ "image_error": error.code() }))
    }
}

impl From<Corrupt> for ApiError {
    fn from(error: Corrupt) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<NotOpened> for ApiError {
    fn from(error: NotOpened) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<InvalidHostKey> for ApiError {
    fn from(error: InvalidHostKey) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<InvalidGuest> for ApiError {
    fn from(error: InvalidGuest) -> Self {
        Self::invalid(error.to_string())
    }
}

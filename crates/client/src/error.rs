//! The ways a call can fail.

use roost_api_types::{ErrorBody, ErrorCode};

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing answers at that address.
    #[error("no server answers at {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// The connection broke, or a time limit was over, after the request went out.
    #[error("the connection to {url} failed")]
    Broken { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The server said no; `message` is its sentence for people.
    #[error("{message}")]
    Refused { status: u16, code: ErrorCode, message: String, details: Option<serde_json::Value> },
    /// The answer is not what this version of the client understands.
    #[error("the answer of {url} makes no sense: {reason}")]
    Nonsense { url: String, reason: String },
}

impl ClientError {
    /// Why the server refused, if it did.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// Longest error body that is quoted when it is not the API's own shape.
const MAX_QUOTE: usize = 500;

pub(crate) fn refused(status: u16, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(ErrorBody { error, status: code, details }) => {
            ClientError::Refused { status, code, message: error, details }
        }
        Err(_) => {
            let text = String::from_utf8_lossy(&body[..body.len().min(MAX_QUOTE)]);
            let message = format!("the server answered with status {status}: {}", text.trim());
            ClientError::Refused { status, code: ErrorCode::Unknown, message, details: None }
        }
    }
}

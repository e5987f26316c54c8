//! The ways a call can fail.

use serde::Deserialize;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing answers at that address.
    #[error("no server answers at {url}")]
    Unreachable { url: String, source: reqwest::Error },
    /// The connection broke, or a time limit was over, after the request went out.
    #[error("the connection to {url} failed")]
    Broken { url: String, source: reqwest::Error },
    /// The server said no; `message` is its sentence for people.
    #[error("{message}")]
    Refused { status: u16, code: Option<String>, message: String, details: Option<serde_json::Value> },
    /// The answer is not what this version of the client understands.
    #[error("the answer of {url} makes no sense: {reason}")]
    Nonsense { url: String, reason: String },
}

impl ClientError {
    /// HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Body of every refusal.
#[derive(Deserialize)]
struct Body {
    error: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    details: Option<serde_json::Value>,
}

/// Longest error body that is quoted when it is not the API's own shape.
const MAX_QUOTE: usize = 500;

pub(crate) fn refused(status: u16, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<Body>(body) {
        Ok(Body { error, status: code, details }) => {
            ClientError::Refused { status, code, message: error, details }
        }
        Err(_) => {
            let text = String::from_utf8_lossy(&body[..body.len().min(MAX_QUOTE)]);
            let message = format!("the server answered with status {status}: {}", text.trim());
            ClientError::Refused { status, code: None, message, details: None }
        }
    }
}

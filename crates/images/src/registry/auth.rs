//! Who may do what, as the registry asks it.

use std::fmt;

use async_trait::async_trait;

/// What came with a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    Bearer(String),
    Basic { username: String, password: String },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer(_) => f.write_str("Bearer(***)"),
            Self::Basic { username, .. } => write!(f, "Basic({username}:***)"),
        }
    }
}

/// What a request wants to do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    Pull,
    Push,
    Delete,
}

impl Access {
    pub const ALL: [Self; 3] = [Self::Pull, Self::Push, Self::Delete];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }
}

/// The answer was no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody, or nobody we know: 401.
    #[error("{0}")]
    Unauthenticated(String),
    /// Known, and not allowed: 403.
    #[error("{0}")]
    Forbidden(String),
}

/// Decides for the registry. Repositories are named as in references: one for each app.
#[async_trait]
pub trait Authorizer: Send + Sync + 'static {
    /// `repository` is `None` for the registry as a whole (the version check, logging in).
    async fn authorize(
        &self,
        credentials: Option<&Credentials>,
        repository: Option<&str>,
        access: Access,
    ) -> Result<(), Denied>;
}

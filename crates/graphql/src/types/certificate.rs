//! SSH certificates.

use async_graphql::{ID, SimpleObject};

/// The key by which an organization's certificates are told from others.
#[derive(Debug, Clone, SimpleObject)]
pub struct LoggedCertificate {
    pub id: ID,
    /// It signs the others.
    pub root: bool,
    /// A public key, as OpenSSH writes it.
    pub cert: String,
}

//! What clients are told of organizations and people, whichever API they ask.

use roost_records::OrgRecord;

use crate::{apps::PERSONAL, config::ApiConfig};

/// The org that everybody has from the start.
pub fn is_personal(org: &OrgRecord) -> bool {
    org.slug == PERSONAL
}

/// A number that names the org, for clients that want one.
pub fn number_of(org: &OrgRecord) -> u64 {
    let _ = org;
    1
}

/// Clients know people by their e-mail addresses; a token that stands for no person gets one under
/// the platform's own domain.
pub fn email_of(config: &ApiConfig, name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@{}", config.base_domain) }
}

//! `[acme]` of the server's configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which authorities issue certificates, and how names are proven to them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcmeConfig {
    /// Where authorities write to about certificates.
    pub email: Option<String>,
    /// The operator agrees to the authorities' terms; nothing is issued otherwise.
    pub accept_terms: bool,
    /// Asked in this order: the next one when one keeps failing. None: nothing is issued.
    pub authorities: Vec<Authority>,
    /// Get one certificate for all names below the base domain; proven in DNS, so it needs `dns_command`.
    pub platform: bool,
    /// Program and arguments, run with `present NAME VALUE` to publish a TXT record, which must be visible when
    /// it ends, and with `cleanup NAME VALUE` to take it away.
    pub dns_command: Vec<String>,
    /// Zone in which `dns_command` publishes proofs for apps' names, whose owners point
    /// `_acme-challenge.<name>` there with a CNAME.
    pub dns_zone: Option<String>,
}

/// An authority that speaks ACME.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    pub name: String,
    /// URL of its directory.
    pub directory: String,
    /// File of a root certificate to trust instead of the system's: for an authority of one's own.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// Id of the account there that the authority gave beforehand, if it asks for one.
    #[serde(default)]
    pub external_account: Option<String>,
    /// File with that account's key, in base64 for URLs.
    #[serde(default)]
    pub external_key_file: Option<PathBuf>,
}

impl AcmeConfig {
    /// What is wrong with it, with the key that says so.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        let nameless = |authority: &Authority| {
            authority.name.is_empty() || authority.name.contains('/') || authority.directory.is_empty()
        };
        let half = |a: &Authority| a.external_account.is_some() != a.external_key_file.is_some();
        let proves_in_dns = self.platform || self.dns_zone.is_some();
        if self.authorities.is_empty() {
            return None;
        }
        if !self.accept_terms {
            return Some((
                "acme.accept_terms",
                "must be true: authorities issue to those who agree to their terms",
            ));
        }
        if self.authorities.iter().any(nameless) {
            return Some(("acme.authorities", "each needs a name without slashes, and a directory"));
        }
        if self.authorities.iter().any(half) {
            return Some(("acme.authorities", "external_account and external_key_file go together"));
        }
        if proves_in_dns && self.dns_command.is_empty() {
            return Some(("acme.dns_command", "must be set: platform and dns_zone prove names in DNS"));
        }
        None
    }
}

//! Names of an app's own, and the certificates for them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Record;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// Lower case; may begin with `*.`.
    pub hostname: String,
    /// One is to be issued by the platform.
    pub acme_requested: bool,
    #[serde(default)]
    pub custom: Option<CustomCertificate>,
    /// What the last look at the name's DNS found.
    #[serde(default)]
    pub dns: Option<DnsFindings>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Record for CertificateRecord {}

/// A certificate that somebody brought along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomCertificate {
    /// PEM, the name's own certificate first.
    pub chain: String,
    /// The private key's PEM, sealed at rest and bound to app and name.
    pub sealed_key: String,
    /// `rsa` or `ecdsa`.
    pub key_type: String,
    pub issuer: String,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
}

/// DNS as it was answered. Empty where there is no such record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DnsFindings {
    pub a: Vec<String>,
    pub aaaa: Vec<String>,
    pub cname: Vec<String>,
    pub soa: Option<String>,
    pub acme_challenge_cname: Option<String>,
    pub ownership_txt: Option<String>,
    /// Why there was no answer to some question, if so.
    pub failure: Option<String>,
    pub looked_at: Timestamp,
}

/// Which app a host name belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostnameRecord {
    pub app: roost_model::AppName,
}

impl Record for HostnameRecord {}

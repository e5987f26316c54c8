//! Certificates for an app's own names.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestCertificate {
    pub hostname: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportCertificate {
    pub hostname: String,
    /// PEM, the name's own certificate first.
    pub fullchain: String,
    /// PEM.
    pub private_key: String,
}

impl std::fmt::Debug for ImportCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportCertificate").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CertificateList {
    pub certificates: Vec<CertificateSummary>,
    /// Of the next page; empty on the last.
    #[serde(default)]
    pub next_cursor: String,
    /// Of all pages.
    pub total_count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateSummary {
    pub hostname: String,
    pub status: CertificateStatus,
    pub dns_provider: String,
    pub acme_dns_configured: bool,
    pub acme_alpn_configured: bool,
    pub acme_http_configured: bool,
    pub ownership_txt_configured: bool,
    pub configured: bool,
    pub acme_requested: bool,
    pub has_custom_certificate: bool,
    /// The platform issued one.
    pub has_fly_certificate: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateStatus {
    Active,
    /// It is there; that the name is the app's has not been seen in DNS.
    PendingOwnership,
    /// It is still to be issued.
    PendingValidation,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateDetail {
    pub hostname: String,
    /// The name leads here, as far as the last check saw.
    pub configured: bool,
    pub acme_requested: bool,
    pub status: CertificateStatus,
    pub dns_provider: String,
    pub certificates: Vec<CertificateEntry>,
    pub validation: CertificateValidation,
    pub dns_requirements: DnsRequirements,
    pub validation_errors: Vec<ValidationError>,
    /// Only in the answer of a check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_records: Option<DnsRecords>,
    /// Only in the answer of a removal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateEntry {
    /// `custom`, or `fly` for the platform's own.
    pub source: String,
    pub status: CertificateStatus,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    pub issuer: String,
    pub issued: Vec<IssuedCertificate>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IssuedCertificate {
    /// `rsa` or `ecdsa`.
    pub r#type: String,
    pub expires_at: Timestamp,
    pub certificate_authority: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CertificateValidation {
    pub dns_configured: bool,
    pub alpn_configured: bool,
    pub http_configured: bool,
    pub ownership_txt_configured: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DnsRequirements {
    /// Either these addresses, or the CNAME.
    pub a: Vec<String>,
    pub aaaa: Vec<String>,
    pub cname: String,
    /// Empty names: no certificate is issued by DNS.
    pub acme_challenge: AcmeChallenge,
    pub ownership: OwnershipRecord,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AcmeChallenge {
    pub name: String,
    pub target: String,
}

/// A TXT record that says whose the name is; either value will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnershipRecord {
    pub name: String,
    pub app_value: String,
    pub org_value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct DnsRecords {
    pub a: Vec<String>,
    pub aaaa: Vec<String>,
    pub cname: Vec<String>,
    pub resolved_addresses: Vec<String>,
    pub soa: Option<String>,
    pub acme_challenge_cname: Option<String>,
    pub ownership_txt: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ValidationError {
    pub code: String,
    pub message: String,
    pub remediation: String,
    pub timestamp: Timestamp,
}

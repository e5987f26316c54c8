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
    /// What the platform issued.
    #[serde(default)]
    pub issued: Option<IssuedCertificate>,
    /// How issuing goes, while something is to be said about it.
    #[serde(default)]
    pub issuing: Issuing,
    /// What the last look at the name's DNS found.
    #[serde(default)]
    pub dns: Option<DnsFindings>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Record for CertificateRecord {}

impl CertificateRecord {
    /// A name of which nothing is known yet.
    pub fn new(hostname: String, now: Timestamp) -> Self {
        Self {
            hostname,
            acme_requested: false,
            custom: None,
            issued: None,
            issuing: Issuing::default(),
            dns: None,
            created_at: now,
            updated_at: now,
        }
    }
}

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

/// A certificate that an authority gave to the platform for a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCertificate {
    /// PEM, the name's own certificate first.
    pub chain: String,
    /// The private key's PEM, sealed at rest and bound to the key of this record.
    pub sealed_key: String,
    /// Name of the authority in the configuration.
    pub authority: String,
    /// Who signed it, as people know them.
    pub issuer: String,
    pub expires_at: Timestamp,
    /// From then on a successor is asked for.
    pub renew_at: Timestamp,
    pub created_at: Timestamp,
}

/// Tries to get a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Issuing {
    /// In a row, since the last success.
    #[serde(default)]
    pub failures: u32,
    /// Nobody tries before; absent: as soon as possible.
    #[serde(default)]
    pub next_try: Option<Timestamp>,
    /// Why the last try failed; cleared by success.
    #[serde(default)]
    pub failure: Option<IssuingFailure>,
    /// The order under way: a new process goes on with it.
    #[serde(default)]
    pub order: Option<OpenOrder>,
}

/// Why an authority gave no certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuingFailure {
    /// Stable: `dns_not_configured`, `rate_limited`, `order_failed`, ...
    pub code: String,
    pub message: String,
    pub authority: String,
    pub at: Timestamp,
}

/// An order that an authority knows of, with the key that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    pub authority: String,
    pub url: String,
    /// PEM, sealed as that of a certificate.
    pub sealed_key: String,
}

/// What proves to an authority that a name is served here; there while an order waits for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeRecord {
    /// Lower case; may begin with `*.`.
    pub hostname: String,
    pub kind: ChallengeKind,
    pub token: String,
    /// Token and fingerprint of the account's key; public as soon as the authority asks.
    pub key_authorization: String,
    pub created_at: Timestamp,
}

impl Record for ChallengeRecord {}

/// Where the authority looks (RFC 8555, section 8; RFC 8737).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeKind {
    /// At port 80, under a well-known path.
    Http,
    /// At port 443, in a handshake.
    TlsAlpn,
    /// In DNS.
    Dns,
}

/// The platform's account at an authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcmeAccountRecord {
    /// The authority's directory.
    pub directory: String,
    /// Account and key as JSON, sealed at rest.
    pub sealed: String,
    pub created_at: Timestamp,
}

impl Record for AcmeAccountRecord {}

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

//! Certificates that people bring along: is this chain good for the name, and is this its key?

use jiff::Timestamp;
use roost_records::CustomCertificate;
use rustls::{
    Error as TlsError,
    client::verify_server_name,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::ParsedCertificate,
    sign::CertifiedKey,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Chains are of a handful of certificates; 64 KiB is many times that.
const MAX_CHAIN_BYTES: usize = 64 << 10;
const MAX_KEY_BYTES: usize = 16 << 10;

/// Public intermediates are two deep.
const MAX_CHAIN: usize = 10;

const OID_RSA: &str = "1.2.840.113549.1.1.1";
const OID_ECDSA: &str = "1.2.840.10045.2.1";

#[derive(Debug, thiserror::Error)]
pub enum CustomError {
    #[error("fullchain: is longer than {} KiB", MAX_CHAIN_BYTES >> 10)]
    ChainTooLong,
    #[error("private_key: is longer than {} KiB", MAX_KEY_BYTES >> 10)]
    KeyTooLong,
    #[error("fullchain: holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    #[error("fullchain: holds more than {MAX_CHAIN} certificates")]
    TooMany,
    #[error("fullchain: certificate {0} can not be read; paste the whole file, and only that")]
    Malformed(usize),
    #[error("fullchain: certificate {0} is not signed by certificate {next}, which follows it; order them from the name's own to the root", next = .0 + 1)]
    BrokenChain(usize),
    #[error("fullchain: the certificate is not for {0}; its names do not cover that")]
    OtherName(String),
    #[error("fullchain: the certificate expired on {0}; import its successor")]
    Expired(Timestamp),
    #[error("fullchain: the certificate is not valid before {0}")]
    NotYet(Timestamp),
    #[error("fullchain: the certificate's key is neither RSA nor ECDSA")]
    KeyType,
    #[error("private_key: holds no private key in PEM (PKCS#8, PKCS#1 or SEC1), or an encrypted one")]
    NoKey,
    #[error("private_key: is not the key of the first certificate of fullchain")]
    OtherKey,
}

/// What a name's own certificate says.
pub(crate) struct Leaf {
    pub begins: Timestamp,
    pub expires_at: Timestamp,
    /// The name that people know it by.
    pub issuer: String,
    /// `rsa` or `ecdsa`.
    pub key_type: &'static str,
}

impl Leaf {
    /// The first certificate of a chain that holds together, is for the name and has this key.
    pub fn checked(hostname: &str, chain: &str, key: &str) -> Result<Self, CustomError> {
        if chain.len() > MAX_CHAIN_BYTES {
            return Err(CustomError::ChainTooLong);
        }
        let ders = certificates(chain)?;
        let parsed = parse(&ders)?;
        check_order(&parsed)?;
        check_name(hostname, &ders[0])?;
        check_key(&ders, key)?;
        let leaf = &parsed[0];
        let (begins, expires_at) = validity(leaf)?;
        Ok(Self { begins, expires_at, issuer: issuer(leaf), key_type: key_type(leaf)? })
    }
}

/// Everything about it but the key, which is for the caller to seal.
pub fn check(hostname: &str, chain: &str, key: &str) -> Result<CustomCertificate, CustomError> {
    let Leaf { begins, expires_at, issuer, key_type } = Leaf::checked(hostname, chain, key)?;
    let now = Timestamp::now();
    if now < begins {
        return Err(CustomError::NotYet(begins));
    }
    if expires_at <= now {
        return Err(CustomError::Expired(expires_at));
    }
    Ok(CustomCertificate {
        chain: chain.to_owned(),
        sealed_key: String::new(),
        key_type: key_type.to_owned(),
        issuer,
        expires_at,
        created_at: now,
    })
}

fn certificates(chain: &str) -> Result<Vec<CertificateDer<'static>>, CustomError> {
    let mut ders = Vec::new();
    for der in CertificateDer::pem_slice_iter(chain.as_bytes()) {
        ders.push(der.map_err(|_| CustomError::Malformed(ders.len() + 1))?);
        if ders.len() > MAX_CHAIN {
            return Err(CustomError::TooMany);
        }
    }
    if ders.is_empty() { Err(CustomError::NoCertificate) } else { Ok(ders) }
}

fn parse<'a>(ders: &'a [CertificateDer<'static>]) -> Result<Vec<X509Certificate<'a>>, CustomError> {
    let parsed = ders.iter().enumerate().map(|(index, der)| match X509Certificate::from_der(der) {
        Ok((_, certificate)) => Ok(certificate),
        Err(_) => Err(CustomError::Malformed(index + 1)),
    });
    parsed.collect()
}

fn check_order(chain: &[X509Certificate<'_>]) -> Result<(), CustomError> {
    for (index, pair) in chain.windows(2).enumerate() {
        let [lower, upper] = pair else { continue };
        let named = lower.issuer() == upper.subject();
        if !named || lower.verify_signature(Some(upper.public_key())).is_err() {
            return Err(CustomError::BrokenChain(index + 1));
        }
    }
    Ok(())
}

fn check_name(hostname: &str, leaf: &CertificateDer<'_>) -> Result<(), CustomError> {
    // A certificate for `*.x` is good for any one label.
    let probe = hostname.replacen('*', "any-label", 1);
    let other = || CustomError::OtherName(hostname.to_owned());
    let name = ServerName::try_from(probe).map_err(|_| other())?;
    let leaf = ParsedCertificate::try_from(leaf).map_err(|_| CustomError::Malformed(1))?;
    verify_server_name(&leaf, &name).map_err(|_| other())
}

fn check_key(chain: &[CertificateDer<'static>], key: &str) -> Result<(), CustomError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(CustomError::KeyTooLong);
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| CustomError::NoKey)?;
    match CertifiedKey::from_der(chain.to_vec(), key, &ring::default_provider()) {
        Ok(_) => Ok(()),
        Err(TlsError::InconsistentKeys(_)) => Err(CustomError::OtherKey),
        Err(_) => Err(CustomError::NoKey),
    }
}

fn validity(leaf: &X509Certificate<'_>) -> Result<(Timestamp, Timestamp), CustomError> {
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp());
    let validity = leaf.validity();
    at(validity.not_before)
        .and_then(|begins| Ok((begins, at(validity.not_after)?)))
        .map_err(|_| CustomError::Malformed(1))
}

fn key_type(leaf: &X509Certificate<'_>) -> Result<&'static str, CustomError> {
    match leaf.public_key().algorithm.algorithm.to_id_string().as_str() {
        OID_RSA => Ok("rsa"),
        OID_ECDSA => Ok("ecdsa"),
        _ => Err(CustomError::KeyType),
    }
}

/// The name that people know it by.
fn issuer(leaf: &X509Certificate<'_>) -> String {
    let issuer = leaf.issuer();
    let words = issuer.iter_organization().chain(issuer.iter_common_name());
    let first = words.filter_map(|word| word.as_str().ok()).next();
    first.map_or_else(|| issuer.to_string(), str::to_owned)
}

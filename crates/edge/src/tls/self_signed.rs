//! Certificates that the edge makes itself: where an app asks for one, and to answer authorities.

use rcgen::{CertificateParams, KeyPair};
use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};

/// No certificate or ticket key of the edge's own could be made.
#[derive(Debug, thiserror::Error)]
pub enum SelfSignedError {
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("cannot use TLS")]
    Tls(#[from] rustls::Error),
}

/// A certificate for these names, signed by its own key, which nobody else has or will have.
pub(crate) fn make(names: &[&str], provider: &CryptoProvider) -> Result<CertifiedKey, SelfSignedError> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    sign(CertificateParams::new(names)?, provider)
}

pub(crate) fn sign(
    params: CertificateParams,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, SelfSignedError> {
    let key = KeyPair::generate()?;
    let certificate: CertificateDer<'static> = params.self_signed(&key)?.into();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Not checked against each other: they were made together, and a checker would stumble over the proof in a
    // certificate for an authority.
    Ok(CertifiedKey::new(vec![certificate], provider.key_provider.load_private_key(key)?))
}

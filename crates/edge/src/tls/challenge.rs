//! What an authority is shown that checks a name by TLS-ALPN-01 (RFC 8737): a certificate made for the
//! occasion, which carries the proof.

use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension};
use roost_records::ChallengeKind;
use rustls::{ServerConfig, crypto::CryptoProvider, sign::SingleCertAndKey};
use tracing::warn;

use super::{ACME_PROTOCOL, SelfSignedError, self_signed};
use crate::context::Edge;

/// Settings that prove the name, if somebody asked for a certificate for it a moment ago.
pub(crate) fn config(edge: &Edge, provider: &Arc<CryptoProvider>, name: &str) -> Option<Arc<ServerConfig>> {
    let snapshot = edge.catalog.load();
    let challenge = snapshot.challenge(name).filter(|c| c.kind == ChallengeKind::TlsAlpn)?;
    let made = make(provider, name, &challenge.key_authorization);
    made.inspect_err(|error| warn!(name, %error, "cannot answer an authority")).ok()
}

fn make(
    provider: &Arc<CryptoProvider>,
    name: &str,
    key_authorization: &str,
) -> Result<Arc<ServerConfig>, SelfSignedError> {
    let digest = ring::digest::digest(&ring::digest::SHA256, key_authorization.as_bytes());
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
    let certified = self_signed::sign(params, provider)?;
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let mut config =
        builder.with_no_client_auth().with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![ACME_PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

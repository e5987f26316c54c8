//! Certificates for names, and a TLS client that cares for nothing but what it is shown.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, KeyPair};
use roost_catalog::{Change, NameEntry, SealedCertificate};
use rustls::{
    ClientConfig,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{net::TcpStream, time::sleep};
use tokio_rustls::TlsConnector;

use super::Node;

/// Trusts what it is shown, and remembers it.
#[derive(Debug, Default)]
pub struct Anyone(pub Mutex<Vec<u8>>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = shown.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

pub fn trusting_anyone() -> (ClientConfig, Arc<Anyone>) {
    let anyone = Arc::new(Anyone::default());
    let config = ClientConfig::builder().dangerous().with_custom_certificate_verifier(anyone.clone());
    (config.with_no_client_auth(), anyone)
}

/// Gives `name` to `app` with a fresh certificate, which is returned.
pub async fn certify(node: &Node, name: &str, app: Option<&str>) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    // As authorities issue them.
    params.not_before = SystemTime::now().into();
    params.not_after = (SystemTime::now() + Duration::from_secs(90 * 24 * 3600)).into();
    let certificate = params.self_signed(&key).unwrap();
    let sealed_for = format!("test/{name}");
    let sealed = SealedCertificate {
        chain: certificate.pem(),
        sealed_key: node.keys.seal(&sealed_for, key.serialize_pem().as_bytes()),
        sealed_for,
    };
    let app = app.map(|app| app.parse().unwrap());
    let entry = NameEntry { hostname: name.to_owned(), app, certificate: Some(Arc::new(sealed)) };
    node.catalog.apply([Change::Name(entry)]);
    certificate.der().clone()
}

/// Waits until the edge shows `certificate` to those who ask for `name`.
pub async fn until_shown(node: &Node, name: &str, certificate: &CertificateDer<'_>) {
    for _ in 0..1000 {
        let (config, seen) = trusting_anyone();
        let stream = TcpStream::connect(node.tls_address).await.unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await.is_ok();
        if connected && *seen.0.lock().unwrap() == **certificate {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("the certificate for {name} is not shown");
}

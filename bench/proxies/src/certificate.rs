//! One certificate for all proxies: ECDSA on P-256, below an authority that the load trusts.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{RootCertStore, pki_types::CertificateDer};

/// The host name that everybody serves.
pub const HOST_NAME: &str = "app.bench.test";
pub const BASE_DOMAIN: &str = "bench.test";
pub const APP: &str = "app";

/// Where the files are, and who trusts them.
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub pair: PathBuf,
    pub roots: Arc<RootCertStore>,
}

impl Certificate {
    pub fn make(folder: &Path) -> Result<Self> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root: CertificateDer<'static> = authority.self_signed(&authority_key)?.der().clone();
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec![HOST_NAME.to_owned()])?;
        let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key))?;
        let file = |name: &str, text: &str| -> Result<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, text)?;
            Ok(path)
        };
        let (chain, secret) = (certificate.pem(), key.serialize_pem());
        let mut roots = RootCertStore::empty();
        roots.add(root)?;
        Ok(Self {
            chain: file("chain.pem", &chain)?,
            key: file("key.pem", &secret)?,
            pair: file("pair.pem", &format!("{chain}{secret}"))?,
            roots: Arc::new(roots),
        })
    }
}

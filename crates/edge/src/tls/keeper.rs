//! Keeps the certificates those of the catalog: opens the keys of new ones, in memory only.

use std::{collections::HashMap, sync::Arc};

use roost_catalog::{SealedCertificate, Snapshot};
use roost_seal::MasterKey;
use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use tracing::{info, warn};

use super::{
    Certified,
    certificates::{Opened, Table},
};
use crate::context::Edge;

/// Follows the catalog from what [`refresh`] saw on; never returns.
pub(crate) async fn keep(edge: Arc<Edge>, mut seen: u64) {
    let mut changes = edge.catalog.changes();
    loop {
        if edge.catalog.load().names_version() != seen {
            seen = refresh(&edge).await;
        }
        changes.next().await;
    }
}

/// Makes the certificates those of the present snapshot, and says which version of the names that is.
pub(crate) async fn refresh(edge: &Arc<Edge>) -> u64 {
    let snapshot = edge.catalog.snapshot();
    let version = snapshot.names_version();
    let task_edge = edge.clone();
    // Thousands of keys take a second to read at start.
    let read = tokio::task::spawn_blocking(move || {
        let tls = &task_edge.tls;
        let known = tls.certificates().table();
        table(&snapshot, &known, task_edge.keys.as_deref(), &tls.provider)
    });
    match read.await {
        Ok(table) => {
            info!(certificates = table.0.len(), "certificates are up to date");
            edge.tls.certificates().replace(table);
        }
        Err(error) => warn!(%error, "certificates could not be read"),
    }
    version
}

fn table(snapshot: &Snapshot, known: &Table, keys: Option<&MasterKey>, provider: &CryptoProvider) -> Table {
    let mut table = HashMap::new();
    for name in snapshot.names() {
        let Some(sealed) = &name.certificate else { continue };
        let known = known.0.get(&name.hostname).filter(|opened| Arc::ptr_eq(&opened.from, sealed));
        let opened = known.cloned().or_else(|| {
            let certified = open(sealed, keys?, provider);
            let logged =
                certified.inspect_err(|why| warn!(name = name.hostname, why, "certificate is not used"));
            Some(Opened { certified: logged.ok()?, from: sealed.clone() })
        });
        if let Some(opened) = opened {
            table.insert(name.hostname.clone(), opened);
        }
    }
    Table(table)
}

/// The errors are one's own words: those of parsers could quote the key.
fn open(
    sealed: &SealedCertificate,
    keys: &MasterKey,
    provider: &CryptoProvider,
) -> Result<Certified, &'static str> {
    let key = keys.open(&sealed.sealed_for, &sealed.sealed_key);
    let key = key.map_err(|_| "its key was sealed by another server")?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| "its key is no private key in PEM")?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(sealed.chain.as_bytes()).collect();
    let chain = chain.map_err(|_| "its chain is not PEM")?;
    let certified = CertifiedKey::from_der(chain, key, provider);
    certified.map(Arc::new).map_err(|_| "its key is not that of the chain, or of no known kind")
}

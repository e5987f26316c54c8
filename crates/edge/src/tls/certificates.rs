//! The certificates of this moment, by name.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use roost_catalog::SealedCertificate;
use rustls::server::{ClientHello, ResolvesServerCert};

use super::Certified;

/// Swapped whole; a handshake reads one state of it without a lock.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    table: ArcSwap<Table>,
}

/// Certificates by the name that they are for, `*.` included.
#[derive(Debug, Default, Clone)]
pub(crate) struct Table(pub HashMap<String, Opened>);

/// A certificate, and what it was opened from.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub certified: Certified,
    pub from: Arc<SealedCertificate>,
}

impl Certificates {
    /// The certificate for a host name in lower case: its own, or that of the wildcard above it.
    pub fn find(&self, name: &str) -> Option<Certified> {
        let table = self.table.load();
        let found = table.0.get(name).or_else(|| table.0.get(&roost_routing::wildcard_above(name)?));
        found.map(|opened| opened.certified.clone())
    }

    pub fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    pub fn replace(&self, table: Table) {
        self.table.store(Arc::new(table));
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Certified> {
        self.find(&hello.server_name()?.to_ascii_lowercase())
    }
}

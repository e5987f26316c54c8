//! TLS inside of QUIC: one set of settings for a socket, and certificates by name as in other handshakes.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
};

use super::{Certified, Options, Tls, Versions, options, shows_own};
use crate::{context::Edge, destination, http3};

/// Settings for a socket that stands for this public port.
pub(crate) fn for_quic(edge: &Arc<Edge>, public_port: u16) -> ServerConfig {
    let source = ByName { edge: Arc::downgrade(edge), public_port };
    let protocols = vec![http3::ALPN.to_vec()];
    let options = Options { versions: Versions::Only13, protocols, ..Options::default() };
    edge.tls.configs.with_source(Arc::new(source), &options)
}

struct ByName {
    edge: Weak<Edge>,
    public_port: u16,
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByName").field("public_port", &self.public_port).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Certified> {
        let edge = self.edge.upgrade()?;
        let name = hello.server_name()?.to_ascii_lowercase();
        let app = destination::app_of_name(&edge, &name);
        let options = app.map(|app| options(&edge, &app, self.public_port)).unwrap_or_default();
        edge.tls.for_http3(&edge, &name, &options)
    }
}

impl Tls {
    /// None where the app does not want it, or nobody has a certificate of the name.
    fn for_http3(&self, edge: &Edge, name: &str, options: &Options) -> Option<Certified> {
        if options.versions == Versions::Only12 || !options.speaks_http3 {
            return None;
        }
        let own = || shows_own(edge, name, options).then(|| self.own.clone());
        self.certificates.find(name).or_else(own)
    }
}

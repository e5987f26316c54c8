//! TLS inside of QUIC: one set of settings for a socket, and certificates by name as in other handshakes.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use roost_routing::is_within;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    version::TLS13,
};

use super::{Certified, Options, Tls, Versions, options};
use crate::{context::Edge, destination, http3};

/// Settings for a socket that stands for this public port.
pub(crate) fn for_quic(edge: &Arc<Edge>, public_port: u16) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(edge.tls.provider.clone());
    // Fails only for a provider without ciphers for the version; ring has them.
    let builder = builder.with_protocol_versions(&[&TLS13]).expect("the provider speaks TLS 1.3");
    let source = ByName { edge: Arc::downgrade(edge), public_port };
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(source));
    config.alpn_protocols = vec![http3::ALPN.to_vec()];
    config.ticketer = edge.tls.configs.tickets();
    config
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
        let own = || {
            let is_own = edge.config.self_signed && is_within(name, &edge.config.base_domain);
            (options.self_signed || is_own).then(|| self.own.clone())
        };
        self.certificates.find(name).or_else(own)
    }
}

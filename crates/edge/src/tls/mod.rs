//! What the edge can prove with, and how it speaks TLS: certificates by name, and settings by app.
//!
//! ```text
//!  directory ─► catalog ─► keeper: opens keys, parses ─swap─► Certificates ─► handshakes
//! ```
//!
//! Not responsible for: getting certificates (the api does), and the handshake itself.

mod certificates;
mod challenge;
mod configs;
mod keeper;
mod quic;
mod self_signed;

use std::sync::Arc;

use roost_model::{AppName, port::TlsVersion, service::Handler};
use roost_routing::{PublicPort, is_within};
use rustls::{ServerConfig, crypto::CryptoProvider, sign::CertifiedKey};

pub use self::self_signed::SelfSignedError;
use self::{certificates::Certificates, configs::Configs};
pub(crate) use self::{
    keeper::{keep, refresh},
    quic::for_quic,
};
use crate::{client::Client, context::Edge, destination, http3, serve_http};

/// The protocol in which authorities check names (RFC 8737).
const ACME_PROTOCOL: &[u8] = b"acme-tls/1";

pub(crate) struct Tls {
    certificates: Arc<Certificates>,
    configs: Configs,
    /// The edge's own, which nobody vouches for.
    own: Certified,
    provider: Arc<CryptoProvider>,
}

/// What a client's hello asks for.
pub(crate) struct Wanted<'a> {
    /// In lower case.
    pub name: Option<&'a str>,
    pub protocols: &'a [Vec<u8>],
}

/// Why a client cannot be shown a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoCertificate {
    #[error("the client names no host")]
    NoName,
    #[error("there is no certificate for the name")]
    UnknownName,
}

impl Tls {
    /// # Errors
    /// No certificate of one's own could be made.
    pub fn new(base_domain: &str) -> Result<Self, SelfSignedError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let own = Arc::new(self_signed::make(&[base_domain, &format!("*.{base_domain}")], &provider)?);
        let certificates = Arc::new(Certificates::default());
        let configs = Configs::new(provider.clone(), certificates.clone(), own.clone())?;
        Ok(Self { certificates, configs, own, provider })
    }

    /// The settings for one handshake.
    pub fn config_for(
        &self,
        edge: &Edge,
        client: &Client,
        wanted: &Wanted<'_>,
    ) -> Result<Arc<ServerConfig>, NoCertificate> {
        // On a port of its own an app needs no name to be meant.
        let own_name = client.app.as_ref().map(|app| format!("{app}.{}", edge.config.base_domain));
        let name = wanted.name.or(own_name.as_deref()).ok_or(NoCertificate::NoName)?;
        if wanted.protocols.iter().any(|protocol| protocol == ACME_PROTOCOL) {
            return challenge::config(edge, &self.provider, name).ok_or(NoCertificate::UnknownName);
        }
        let app = client.app.clone().or_else(|| destination::app_of_name(edge, name));
        let options = app.as_ref().map(|app| options(edge, app, client.public_port)).unwrap_or_default();
        match (self.certificates.find(name), shows_own(edge, name, &options)) {
            (Some(_), _) if wanted.name.is_some() => Ok(self.configs.with_certificates(&options)),
            (Some(certified), _) => Ok(self.configs.with(certified, &options)),
            (None, true) => Ok(self.configs.self_signed(&options)),
            (None, false) => Err(NoCertificate::UnknownName),
        }
    }

    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }
}

/// What an app wishes of TLS on one of its ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Options {
    pub versions: Versions,
    /// Offered in this order.
    pub protocols: Vec<Vec<u8>>,
    pub speaks_http3: bool,
    pub self_signed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Versions {
    #[default]
    All,
    Only12,
    Only13,
}

impl Default for Options {
    fn default() -> Self {
        let protocols = serve_http::ALPN.iter().map(|protocol| protocol.to_vec()).collect();
        Self { versions: Versions::All, protocols, speaks_http3: true, self_signed: false }
    }
}

/// Whether a name without a certificate is served with the edge's own.
fn shows_own(edge: &Edge, name: &str, options: &Options) -> bool {
    options.self_signed || edge.config.self_signed && is_within(name, &edge.config.base_domain)
}

/// The options of the app on this port.
fn options(edge: &Edge, app: &AppName, public_port: u16) -> Options {
    destination::port_of(edge, app, public_port).map_or_else(Options::default, |port| Options::of(&port))
}

impl Options {
    fn of(port: &PublicPort) -> Self {
        let wishes = &port.tls;
        let wished = |protocol: &[u8]| {
            wishes.alpn.is_empty() || wishes.alpn.iter().any(|wish| wish.as_bytes() == protocol)
        };
        let http = port.handlers.contains(&Handler::Http);
        let (old, new) = (wishes.allows(TlsVersion::V1_2), wishes.allows(TlsVersion::V1_3));
        Self {
            versions: match (old, new) {
                (true, false) => Versions::Only12,
                (false, true) => Versions::Only13,
                _ => Versions::All,
            },
            speaks_http3: http && wished(http3::ALPN),
            protocols: match http {
                true => {
                    let spoken = serve_http::ALPN.iter().filter(|protocol| wished(protocol));
                    spoken.map(|protocol| protocol.to_vec()).collect()
                }
                // What is in the TLS is between the client and the app.
                false => wishes.alpn.iter().map(|wish| wish.as_bytes().to_vec()).collect(),
            },
            self_signed: wishes.default_self_signed.unwrap_or(false),
        }
    }
}

/// A key and the chain that speaks for it, ready to sign.
pub(crate) type Certified = Arc<CertifiedKey>;

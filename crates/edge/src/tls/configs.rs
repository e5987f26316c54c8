//! Settings of TLS that handshakes share: a few, made once for each way in which apps want it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring::Ticketer},
    server::{ClientHello, ProducesTickets, ResolvesServerCert},
    version::{TLS12, TLS13},
};

use super::{Certified, Options, SelfSignedError, Versions, certificates::Certificates};

/// Different settings that are kept; apps choose among so few that more come only from hostile ones, whose
/// handshakes then pay for making theirs.
const MAX_KEPT: usize = 256;

pub(crate) struct Configs {
    provider: Arc<CryptoProvider>,
    /// Makes and reads session tickets; changes its keys by itself every six hours.
    tickets: Arc<dyn ProducesTickets>,
    with_certificates: Kept,
    self_signed: Kept,
}

/// Settings that have one source of certificates.
struct Kept {
    source: Arc<dyn ResolvesServerCert>,
    plain: Arc<ServerConfig>,
    others: ArcSwap<HashMap<Options, Arc<ServerConfig>>>,
    /// Held to add to `others`.
    adding: Mutex<()>,
}

impl Configs {
    pub fn new(
        provider: Arc<CryptoProvider>,
        certificates: Arc<Certificates>,
        own: Certified,
    ) -> Result<Self, SelfSignedError> {
        let tickets = Ticketer::new()?;
        let kept = |source: Arc<dyn ResolvesServerCert>| Kept {
            plain: Arc::new(config(&provider, &tickets, source.clone(), &Options::default())),
            source,
            others: ArcSwap::default(),
            adding: Mutex::default(),
        };
        let (with_certificates, self_signed) = (kept(certificates), kept(Arc::new(Always(own))));
        Ok(Self { with_certificates, self_signed, provider, tickets })
    }

    /// Shows the certificate of the client's name.
    pub fn with_certificates(&self, options: &Options) -> Arc<ServerConfig> {
        self.get(&self.with_certificates, options)
    }

    /// Shows the edge's own certificate, which nobody vouches for.
    pub fn self_signed(&self, options: &Options) -> Arc<ServerConfig> {
        self.get(&self.self_signed, options)
    }

    /// Shows this certificate, whatever the client asks for.
    pub fn with(&self, certified: Certified, options: &Options) -> Arc<ServerConfig> {
        Arc::new(self.with_source(Arc::new(Always(certified)), options))
    }

    /// Takes its certificates from this source.
    pub fn with_source(&self, source: Arc<dyn ResolvesServerCert>, options: &Options) -> ServerConfig {
        config(&self.provider, &self.tickets, source, options)
    }

    fn get(&self, kept: &Kept, options: &Options) -> Arc<ServerConfig> {
        let plain = Options::default();
        if options.protocols == plain.protocols && options.versions == plain.versions {
            return kept.plain.clone();
        }
        if let Some(known) = kept.others.load().get(options) {
            return known.clone();
        }
        let made = Arc::new(self.with_source(kept.source.clone(), options));
        let _adding = kept.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.others.load_full();
        if known.len() < MAX_KEPT {
            let mut more = HashMap::clone(&known);
            more.insert(options.clone(), made.clone());
            kept.others.store(Arc::new(more));
        }
        made
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    tickets: &Arc<dyn ProducesTickets>,
    source: Arc<dyn ResolvesServerCert>,
    options: &Options,
) -> ServerConfig {
    let versions: &[&SupportedProtocolVersion] = match options.versions {
        Versions::All => &[&TLS13, &TLS12],
        Versions::Only12 => &[&TLS12],
        Versions::Only13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions);
    // Fails only for a provider without ciphers for a version; ring has them for both.
    let builder = builder.expect("the provider speaks both versions");
    let mut config = builder.with_no_client_auth().with_cert_resolver(source);
    config.alpn_protocols = options.protocols.clone();
    config.ticketer = tickets.clone();
    config
}

#[derive(Debug)]
struct Always(Certified);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Certified> {
        Some(self.0.clone())
    }
}

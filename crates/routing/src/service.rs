//! A machine's services, as routing needs to know them.

use std::{num::NonZeroU32, sync::Arc};

use roost_model::{
    HttpOptions, Service, Static,
    port::{ProxyProtocol, TlsOptions},
    service::{Autostop, Concurrency, Handler, Protocol, RateLimit},
    statics::covers,
};
use serde::{Deserialize, Serialize};

use crate::Sources;

/// Soft limit of a service that sets none.
const DEFAULT_SOFT_LIMIT: u32 = 20;

/// What routing needs to know of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    pub protocol: Protocol,
    pub internal_port: u16,
    pub ports: Vec<PublicPort>,
    pub limits: Limits,
    /// A request may start a sleeping machine.
    pub autostart: bool,
    pub autostop: Autostop,
    pub min_machines_running: u32,
    pub sources: Sources,
    pub rate_limit: Option<RateLimit>,
    /// Of clients, at once.
    #[serde(default)]
    pub max_connections: Option<NonZeroU32>,
    /// Each request is told in the app's log.
    pub access_log: bool,
    /// Prefixes of paths whose files the machine serves without the app.
    #[serde(default)]
    pub statics: Vec<String>,
}

/// A range of public ports and how bytes that arrive there are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublicPort {
    pub first: u16,
    pub last: u16,
    pub handlers: Vec<Handler>,
    pub force_https: bool,
    pub http: Arc<HttpOptions>,
    pub tls: TlsOptions,
    /// What the handler `proxy_proto` sends.
    pub proxy_protocol: ProxyProtocol,
}

/// How many requests a machine may have in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// From here on others are preferred.
    pub soft: u32,
    /// From here on nothing new.
    pub hard: Option<u32>,
}

impl From<Option<&Concurrency>> for Limits {
    fn from(concurrency: Option<&Concurrency>) -> Self {
        let hard = concurrency.and_then(|c| c.hard_limit).filter(|limit| *limit > 0);
        let soft = concurrency.and_then(|c| c.soft_limit).unwrap_or(DEFAULT_SOFT_LIMIT);
        Self { soft: soft.min(hard.unwrap_or(u32::MAX)), hard }
    }
}

impl PublicPort {
    pub fn has(&self, public_port: u16) -> bool {
        (self.first..=self.last).contains(&public_port)
    }
}

impl From<&Service> for Route {
    fn from(service: &Service) -> Self {
        let ports = service.ports.iter().filter_map(|port| {
            let (first, last) = port.range()?;
            let handlers = port.handlers.clone();
            let force_https = port.force_https.unwrap_or(false);
            let http = Arc::new(port.http_options.clone().unwrap_or_default());
            let tls = port.tls_options.clone().unwrap_or_default();
            let proxy_protocol = port.proxy_proto_options.as_ref().and_then(|options| options.version);
            let proxy_protocol = proxy_protocol.unwrap_or_default();
            Some(PublicPort { first, last, handlers, force_https, http, tls, proxy_protocol })
        });
        Self {
            protocol: service.protocol,
            internal_port: service.internal_port,
            ports: ports.collect(),
            limits: Limits::from(service.concurrency.as_ref()),
            autostart: service.autostart.unwrap_or(false),
            autostop: service.autostop.unwrap_or_default(),
            min_machines_running: service.min_machines_running.unwrap_or(0),
            sources: Sources::from(service),
            rate_limit: service.rate_limit,
            max_connections: service.max_connections,
            access_log: service.access_log.unwrap_or(false),
            statics: Vec::new(),
        }
    }
}

impl Route {
    /// This route with the folders that its machine serves.
    pub fn with_statics(self, statics: &[Static]) -> Self {
        Self { statics: statics.iter().map(|of| of.url_prefix.clone()).collect(), ..self }
    }

    /// Whether it says which clients it takes, or how many.
    pub fn is_guarded(&self) -> bool {
        !self.sources.is_everybody() || self.rate_limit.is_some() || self.max_connections.is_some()
    }

    /// Whether the file that a path of a URL names may be one that the machine serves without the app.
    pub fn may_be_static(&self, path: &str) -> bool {
        self.statics.iter().any(|prefix| covers(prefix, path))
    }

    /// The options of HTTP that a public port has; those of another port that speaks it where a listener stands
    /// in for the port.
    pub fn http(&self, public_port: u16) -> Option<&Arc<HttpOptions>> {
        let mut ports = self.ports.iter().filter(|port| port.handlers.contains(&Handler::Http));
        let first = ports.clone().next();
        ports.find(|port| port.has(public_port)).or(first).map(|port| &port.http)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_never_exceeds_the_hard_one() {
        let concurrency = Concurrency { kind: Default::default(), soft_limit: None, hard_limit: Some(5) };
        assert_eq!(Limits::from(Some(&concurrency)), Limits { soft: 5, hard: Some(5) });
        assert_eq!(Limits::from(None), Limits { soft: 20, hard: None });
    }
}

//! What the api is told when it starts.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use http::{HeaderMap, header::HOST};
use roost_records::Email;

use crate::{acme::AcmeConfig, rate::RateLimits};

#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Name of this node: says which api carries out a deploy.
    pub node: String,
    /// File of the first admin token, made at first start.
    pub admin_token: PathBuf,
    /// Folder of the platform's keys, made at first start.
    pub keys: PathBuf,
    /// Folder of the registry's blobs.
    pub registry_blobs: PathBuf,
    /// The registry's name in image references.
    pub registry: String,
    /// Other names under which clients reach the registry and push to it, such as `127.0.0.1:4280`.
    pub registry_aliases: Vec<String>,
    /// Where this box reaches the api: `http://127.0.0.1:4280`.
    pub url: String,
    /// Where people, and those who check machines' identities, reach the api; `url` when absent.
    pub public_url: Option<String>,
    /// Where hosts connect their machines' calls.
    pub machine_socket: PathBuf,
    /// File of the audit trail.
    pub audit: PathBuf,
    pub base_domain: String,
    /// Where an app answers, with `{app}` for its name: `http://{app}.roost.localhost:8080`.
    pub app_url: String,
    /// Where the edge is reached from outside; given to apps as shared addresses.
    pub public_addresses: Vec<IpAddr>,
    /// Ports that apps cannot have: the api's own, and those of the box's other services.
    pub reserved_ports: Vec<u16>,
    /// Where the edge itself listens.
    pub edge_ports: Vec<u16>,
    /// The edge has a listener for HTTPS.
    pub edge_speaks_tls: bool,
    /// Asked about apps' own names; those of the box by default.
    pub resolvers: Vec<SocketAddr>,
    /// Who issues certificates, if anybody does.
    pub acme: AcmeConfig,
    /// How often one caller may call.
    pub rate_limits: RateLimits,
}

impl ApiConfig {
    /// Where others reach the api.
    pub(crate) fn public_url(&self) -> &str {
        self.public_url.as_deref().unwrap_or(&self.url).trim_end_matches('/')
    }

    /// Where the one who sent these headers reaches the api: where it did just now, unless something in
    /// front of the api speaks TLS.
    pub(crate) fn url_for(&self, headers: &HeaderMap) -> String {
        let host = headers.get(HOST).and_then(|value| value.to_str().ok());
        match host {
            Some(host) if !self.public_url().starts_with("https:") => format!("http://{host}"),
            _ => self.public_url().to_owned(),
        }
    }

    /// Whether image references with this registry mean the platform's own.
    pub(crate) fn is_own_registry(&self, registry: &str) -> bool {
        registry == self.registry || self.registry_aliases.iter().any(|alias| alias == registry)
    }

    /// Address of the first user, whose token the first start makes.
    pub(crate) fn first_administrator(&self) -> Email {
        let address = format!("admin@{}", self.base_domain).parse();
        address.unwrap_or_else(|_| "admin@localhost".parse().expect("an address"))
    }

    pub(crate) fn url_of(&self, app: &roost_model::AppName) -> String {
        self.app_url.replace("{app}", app.as_str())
    }
}

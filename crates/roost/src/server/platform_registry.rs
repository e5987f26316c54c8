//! The platform's own registry, as the roles of this box reach it.
//!
//! Image references name it `registry.<base domain>`, a name that no DNS needs to know: it is a
//! mirror entry that leads to the api's port, with the box's own token.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use async_trait::async_trait;
use roost_api::ImageResolver;
use roost_images::{Credentials, ImageError, ImageStore, PullConfig, Resolved};
use roost_model::ImageRef;
use tokio::sync::OnceCell;

use super::data_dir::Paths;
use crate::config::ServerConfig;

/// The registry's name in image references.
pub fn name(config: &ServerConfig) -> String {
    format!("registry.{}", config.base_domain)
}

/// Other names that clients push to: wherever they reach the api. Addresses that the box gets later are
/// known after a restart.
pub fn aliases(config: &ServerConfig) -> Vec<String> {
    let listen = config.api.listen;
    let at = |ip: IpAddr| SocketAddr::new(ip, listen.port()).to_string();
    let mut names = vec![reachable(listen).to_string()];
    names.extend(config.api.url.as_deref().and_then(authority).map(str::to_owned));
    if listen.ip().is_loopback() || listen.ip().is_unspecified() {
        names.push(format!("localhost:{}", listen.port()));
    }
    if listen.ip().is_unspecified() {
        names.extend(own_addresses().map(at));
    }
    names
}

/// `roost.example.com:8443` of `https://roost.example.com:8443/`.
fn authority(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split('/').next().filter(|authority| !authority.is_empty())
}

fn own_addresses() -> impl Iterator<Item = IpAddr> {
    let addresses = nix::ifaddrs::getifaddrs().into_iter().flatten();
    addresses.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::from(v6.ip())))
    })
}

/// `[registry]` with the platform's registry added. The token may be absent where the
/// api is another box; then the file's own credentials are used.
pub fn pull_config(config: &ServerConfig, data: &Paths) -> io::Result<PullConfig> {
    let mut pull = config.registry.clone();
    let api = reachable(config.api.listen);
    let mirror = format!("http://{api}").try_into().map_err(io::Error::other)?;
    pull.mirrors.entry(name(config)).or_default().insert(0, mirror);
    pull.mirror_only.push(name(config));
    if let Some(token) = token(&data.admin_token())? {
        pull.credentials.entry(api.to_string()).or_insert(Credentials::Token { token });
    }
    Ok(pull)
}

/// Resolves references for the api. The store behind it is opened when the first reference comes: the
/// token that it shows is made while the api opens.
pub struct Resolver {
    config: ServerConfig,
    data: Paths,
    store: OnceCell<ImageStore>,
}

impl Resolver {
    pub fn new(config: &ServerConfig, data: &Paths) -> Self {
        Self { config: config.clone(), data: data.clone(), store: OnceCell::new() }
    }

    async fn store(&self) -> Result<&ImageStore, ImageError> {
        let open = || async {
            let pull = pull_config(&self.config, &self.data).map_err(|e| ImageError::Io {
                what: "read the token of the platform's registry".to_owned(),
                source: Arc::new(e),
            })?;
            ImageStore::open(&self.data.resolver(), pull)
        };
        self.store.get_or_try_init(open).await
    }
}

#[async_trait]
impl ImageResolver for Resolver {
    async fn resolve(&self, image: &ImageRef) -> Result<Resolved, ImageError> {
        self.store().await?.resolve(image).await
    }
}

/// An address to connect to: a listener on all addresses is reached on loopback.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn token(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(token) => Ok(Some(token.trim().to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases_of(listen: &str, url: Option<&str>) -> Vec<String> {
        let mut config = ServerConfig::default();
        config.api.listen = listen.parse().unwrap();
        config.api.url = url.map(str::to_owned);
        aliases(&config)
    }

    #[test]
    fn the_registry_is_known_by_every_name_that_leads_to_the_api() {
        let names = aliases_of("127.0.0.1:4280", Some("https://roost.example.com/"));
        assert_eq!(names, ["127.0.0.1:4280", "roost.example.com", "localhost:4280"]);
        assert_eq!(aliases_of("192.0.2.1:4280", None), ["192.0.2.1:4280"]);
        assert!(aliases_of("[::]:4280", None).contains(&"127.0.0.1:4280".to_owned()));
    }
}

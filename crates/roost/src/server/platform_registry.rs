//! The platform's own registry, as the roles of this box reach it.
//!
//! Image references name it `registry.<base domain>`, a name that no DNS needs to know: it is a
//! mirror entry that leads to the api's port, with the box's own token.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
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

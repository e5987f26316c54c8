//! The registry client: asks any registry, or a mirror of it, for manifests and blobs.
//!
//! Responsible for: which server to ask in which order, tokens, retries, resuming. Every byte that
//! leaves this module matched its digest. Not for: keeping anything; that is `store`.

mod auth;
mod blob;
mod config;
mod endpoint;
mod request;

use std::{sync::Arc, time::Duration};

use reqwest::header;
use roost_model::ImageRef;

pub use config::{Credentials, InvalidMirror, Mirror, PullConfig};
pub(crate) use endpoint::Endpoint;
pub(crate) use request::Failure;

use crate::{
    Digest, ImageError,
    limits::MAX_MANIFEST_BYTES,
    manifest::{ACCEPT, Document},
};

/// A registry that does not answer the connection is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Silence in the middle of an answer that counts as broken.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Speaks to registries. Cheap to clone; connections and tokens are shared.
#[derive(Clone)]
pub struct RegistryClient {
    http: reqwest::Client,
    config: Arc<PullConfig>,
    tokens: Arc<auth::Tokens>,
}

/// A manifest as it was served.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub digest: Digest,
    pub bytes: Vec<u8>,
    pub document: Document,
}

impl RegistryClient {
    pub fn new(config: PullConfig) -> Result<Self, ImageError> {
        // Fails when the process has a provider already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("roost/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|error| ImageError::Invalid(format!("cannot set up TLS: {}", request::chain(&error))))?;
        Ok(Self { http, config: Arc::new(config), tokens: Arc::default() })
    }

    pub fn config(&self) -> &PullConfig {
        &self.config
    }

    /// A manifest or index by tag or digest.
    pub async fn manifest(&self, image: &ImageRef, reference: &str) -> Result<Fetched, ImageError> {
        let mut last = None;
        for endpoint in endpoint::of_registry(&self.config, &image.registry) {
            match self.manifest_from(&endpoint, image, reference).await {
                Ok(fetched) => return Ok(fetched),
                Err(error) => {
                    tracing::debug!(%image, endpoint = endpoint.host, %error, "an endpoint lacks the manifest");
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| no_endpoint(&image.registry)))
    }

    async fn manifest_from(
        &self,
        endpoint: &Endpoint,
        image: &ImageRef,
        reference: &str,
    ) -> Result<Fetched, ImageError> {
        let url = endpoint.url(&image.repository, &format!("manifests/{reference}"));
        let scope = endpoint.scope(&image.repository, "pull");
        let failure = Failure { endpoint, repository: &image.repository, image: image.to_string() };
        let request = || self.http.get(&url).header(header::ACCEPT, ACCEPT);
        let response = self.send(&failure, &scope, request).await?;
        let bytes = request::read_bounded(response, MAX_MANIFEST_BYTES, &failure).await?;
        let digest = Digest::of(&bytes);
        if let Ok(expected) = reference.parse::<Digest>()
            && expected != digest
        {
            let what = format!("the manifest of {image} from {}", endpoint.host);
            return Err(ImageError::DigestMismatch { what, expected, found: digest });
        }
        let document = Document::parse(&bytes)?;
        Ok(Fetched { digest, bytes, document })
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

fn no_endpoint(registry: &str) -> ImageError {
    let reason = "it is listed in mirror_only and has no mirrors".to_owned();
    ImageError::Unreachable { registry: registry.to_owned(), reason }
}

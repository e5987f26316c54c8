//! Servers that answer for a registry.

use std::net::IpAddr;

use roost_model::image_ref::DEFAULT_REGISTRY;

use super::{Mirror, PullConfig};

/// Where Docker Hub's registry really is.
const DOCKER_HUB: &str = "registry-1.docker.io";

/// One server, and where repositories are on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub scheme: String,
    /// Host and optional port.
    pub host: String,
    /// Goes before repositories' names: empty, or `prefix/`.
    pub prefix: String,
    /// Name under which credentials are looked up.
    pub account: String,
}

/// The mirrors in their order, then the registry itself.
pub fn of_registry(config: &PullConfig, registry: &str) -> Vec<Endpoint> {
    let mirrors = config.mirrors.get(registry).into_iter().flatten();
    let mut endpoints: Vec<Endpoint> = mirrors.map(Endpoint::of_mirror).collect();
    if !config.mirror_only.iter().any(|only| only == registry) {
        endpoints.push(Endpoint::of_origin(registry, config.plain_http.iter().any(|name| name == registry)));
    }
    endpoints
}

impl Endpoint {
    pub fn of_mirror(mirror: &Mirror) -> Self {
        Self {
            scheme: mirror.scheme.clone(),
            host: mirror.host.clone(),
            prefix: mirror.prefix.clone(),
            account: mirror.host.clone(),
        }
    }

    /// The registry itself: HTTPS, but for loopback addresses and where `plain_http` says otherwise.
    pub fn of_origin(registry: &str, plain_http: bool) -> Self {
        let host = if registry == DEFAULT_REGISTRY { DOCKER_HUB } else { registry };
        let scheme = if plain_http || is_loopback(host) { "http" } else { "https" };
        Self {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            prefix: String::new(),
            account: registry.to_owned(),
        }
    }

    pub fn base(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }

    /// Address of something in a repository: `manifests/latest`, `blobs/sha256:…`.
    pub fn url(&self, repository: &str, path: &str) -> String {
        format!("{}/v2/{}{repository}/{path}", self.base(), self.prefix)
    }

    /// The token scope for some actions on a repository.
    pub fn scope(&self, repository: &str, actions: &str) -> String {
        format!("repository:{}{repository}:{actions}", self.prefix)
    }
}

/// `localhost`, names below it and loopback addresses, with or without a port.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_come_before_the_registry_itself() {
        let mirrors = ["http://127.0.0.1:5000", "https://cache.example/hub"];
        let mirrors = mirrors.map(|url| Mirror::try_from(url.to_owned()).unwrap());
        let mut config =
            PullConfig { mirrors: [("docker.io".to_owned(), mirrors.into())].into(), ..Default::default() };
        let urls = |config: &PullConfig| {
            let endpoints = of_registry(config, "docker.io");
            endpoints.iter().map(|endpoint| endpoint.url("library/debian", "tags/list")).collect::<Vec<_>>()
        };
        assert_eq!(
            urls(&config),
            [
                "http://127.0.0.1:5000/v2/library/debian/tags/list",
                "https://cache.example/v2/hub/library/debian/tags/list",
                "https://registry-1.docker.io/v2/library/debian/tags/list"
            ]
        );
        config.mirror_only.push("docker.io".to_owned());
        assert_eq!(urls(&config).len(), 2);
    }

    #[test]
    fn only_loopback_is_spoken_to_in_clear() {
        for host in ["localhost:5000", "127.0.0.1", "[::1]:80", "registry.localhost"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1:5000", "localhost.example.com", "[fe80::1]:80", "ghcr.io"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}

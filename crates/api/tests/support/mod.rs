//! An api in a folder of its own, over a fake host, and a person who calls it.

// Each test file uses its part of this.
#![allow(dead_code)]

mod resolver;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Method, Response};
use roost_api::{AcmeConfig, Api, ApiConfig, ApiParts, ImageResolver, RateLimits};
use roost_api_types::{Deploy, DeployAnswer, DeployEvent};
use roost_directory::SqliteDirectory;
use roost_edge_api::EdgeClient;
use roost_fake_host::FakeHost;
use roost_images::{ImageConfig, ImageError, Resolved};
use roost_model::ImageRef;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Deploys of a fake host take milliseconds; only a loaded machine needs longer.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Platform {
    pub folder: tempfile::TempDir,
    pub host: FakeHost,
    server: Server,
    http: reqwest::Client,
    limits: RateLimits,
}

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Platform {
    pub async fn start() -> Self {
        Self::start_limited(RateLimits::none()).await
    }

    pub async fn start_limited(limits: RateLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = FakeHost::start().await;
        let server = serve(folder.path().to_owned(), &host, limits).await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { folder, host, server, http, limits }
    }

    /// The api ends, whatever it is doing, and another one starts on the same folder.
    pub async fn restart_api(&mut self) {
        self.server.shutdown.cancel();
        let _ = (&mut self.server.task).await;
        self.server = serve(self.folder.path().to_owned(), &self.host, self.limits).await;
    }

    pub fn token(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("admin-token")).unwrap().trim().to_owned()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address)
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub async fn send(&self, method: Method, path: &str, body: Value) -> Response {
        let request = self.request(method, path).bearer_auth(self.token());
        request.json(&body).send().await.unwrap()
    }

    /// A call that succeeds.
    pub async fn call<T: DeserializeOwned>(&self, method: Method, path: &str, body: Value) -> T {
        let response = self.send(method.clone(), path, body).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{method} {path}: {e} in {text}"))
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.call(Method::GET, path, Value::Null).await
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> T {
        self.call(Method::POST, path, body).await
    }

    /// A call that is refused: its status and its body.
    pub async fn refused(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let response = self.send(method, path, body).await;
        let status = response.status().as_u16();
        assert!(status >= 400, "{path} was not refused: {status}");
        (status, response.json().await.unwrap())
    }

    pub async fn create_app(&self, name: &str) {
        let _: Value = self.post("/v1/apps", json!({ "name": name, "org_slug": "personal" })).await;
    }

    /// Begins a deploy of an app whose machines behave as `behaviour` says.
    pub async fn begin_deploy(&self, app: &str, behaviour: &str) -> DeployAnswer {
        let body = json!({ "config": config(app, behaviour), "image": "example.com/app:1" });
        self.post(&format!("/v1/apps/{app}/releases"), body).await
    }

    pub async fn deploy(&self, app: &str, behaviour: &str) -> Deploy {
        let begun = self.begin_deploy(app, behaviour).await.deploy.unwrap();
        self.watch(app, begun.number).await.0
    }

    /// Watches a deploy to its end.
    pub async fn watch(&self, app: &str, number: u64) -> (Deploy, Vec<DeployEvent>) {
        let path = format!("/v1/apps/{app}/deploys/{number}/watch");
        let response = self.send(Method::GET, &path, Value::Null).await;
        assert!(response.status().is_success(), "{path}: {}", response.status());
        let text =
            tokio::time::timeout(PATIENCE, response.text()).await.expect("the deploy ends in time").unwrap();
        let events: Vec<DeployEvent> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        match events.last() {
            Some(DeployEvent::Finished { deploy }) => (deploy.clone(), events.clone()),
            other => panic!("the last event is {other:?}"),
        }
    }

    pub async fn wait_until(&self, what: &str, mut holds: impl FnMut(&FakeHost) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds(&self.host) {
            assert!(tokio::time::Instant::now() < deadline, "{what}: not in time");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A fly.toml, as JSON, of an app with one service.
pub fn config(app: &str, behaviour: &str) -> Value {
    json!({
        "app": app,
        "env": { "BEHAVIOUR": behaviour },
        "http_service": { "internal_port": 8080, "auto_start_machines": true },
        "deploy": { "wait_timeout": "20s" },
    })
}

async fn serve(folder: PathBuf, host: &FakeHost, rate_limits: RateLimits) -> Server {
    let config = ApiConfig {
        node: "test".to_owned(),
        admin_token: folder.join("admin-token"),
        keys: folder.join("keys"),
        registry_blobs: folder.join("registry"),
        registry: "registry.roost.localhost".to_owned(),
        registry_aliases: vec!["127.0.0.1:4280".to_owned(), "roost.example.com".to_owned()],
        url: "http://127.0.0.1:4280".to_owned(),
        public_url: None,
        machine_socket: folder.join("machines.sock"),
        audit: folder.join("audit.db"),
        base_domain: "roost.localhost".to_owned(),
        acme: AcmeConfig::default(),
        reserved_ports: vec![22],
        edge_ports: vec![8080],
        edge_speaks_tls: true,
        resolvers: vec![resolver::address()],
        rate_limits,
        public_addresses: vec![[127, 0, 0, 1].into(), std::net::Ipv6Addr::LOCALHOST.into()],
        app_url: "http://{app}.roost.localhost:8080".to_owned(),
    };
    let parts = ApiParts {
        directory: Arc::new(SqliteDirectory::open(&folder.join("directory.db")).await.unwrap()),
        host: host.client(),
        edge: EdgeClient::unix(folder.join("no-edge.sock")),
        images: Arc::new(FakeRegistry),
    };
    let shutdown = CancellationToken::new();
    let api = Api::open(config, parts, shutdown.clone()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { api.serve(listener).await.unwrap() });
    Server { address, shutdown, task }
}

/// Knows every image, but for those named `missing` and `silent` (which says nothing of a command).
struct FakeRegistry;

#[async_trait]
impl ImageResolver for FakeRegistry {
    async fn resolve(&self, image: &ImageRef) -> Result<Resolved, ImageError> {
        if image.repository == "missing" {
            return Err(ImageError::NotPinned(image.to_string()));
        }
        let cmd = if image.repository == "silent" { vec![] } else { vec!["/app".to_owned()] };
        let config =
            ImageConfig { cmd, exposed_ports: vec!["8080/tcp".to_owned()], ..ImageConfig::default() };
        let digest = format!("sha256:{}", "a".repeat(64));
        Ok(Resolved { image: image.pinned(&digest), config, labels: Default::default(), transfer_bytes: 1 })
    }
}

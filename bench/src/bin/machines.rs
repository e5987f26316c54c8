//! The Machines API over many machines: what does a list cost, and do a look at one machine and a wait for its state
//! cost the same however many there are?
//!
//! The host is a fake without VMs, so that what is measured is the api and its way to a host. Each number of machines
//! is measured in one process, one after the other.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use axum::Router;
use roost_api::{Api, ApiConfig, ApiParts, ImageResolver, RateLimits};
use roost_bench::stats::median_ms;
use roost_directory::SqliteDirectory;
use roost_edge_api::EdgeClient;
use roost_fake_host::{FakeHost, FakeMachine};
use roost_images::{ImageError, Resolved};
use roost_model::{ImageRef, MachineId};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const FEW: usize = 1_000;
const MANY: usize = 10_000;

/// Lists are slow and even; single calls are quick and need more samples.
const LISTS: usize = 5;
const CALLS: usize = 101;

/// Medians in milliseconds.
struct Costs {
    list: f64,
    get: f64,
    wait: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let few = measure(FEW).await?;
    let many = measure(MANY).await?;
    for (count, costs) in [(FEW, &few), (MANY, &many)] {
        println!(
            "{count} machines: list {:.1} ms, get {:.2} ms, start to wait {:.2} ms",
            costs.list, costs.get, costs.wait
        );
    }
    let per_machine = (many.list / MANY as f64) / (few.list / FEW as f64);
    println!(
        "result: machines={MANY} list_ms={:.1} get_ms={:.2} wait_ms={:.2} list_growth={per_machine:.2} get_growth={:.2} wait_growth={:.2}",
        many.list,
        many.get,
        many.wait,
        many.get / few.get,
        many.wait / few.wait,
    );
    Ok(())
}

async fn measure(count: usize) -> Result<Costs> {
    let folder = tempfile::tempdir()?;
    let host = FakeHost::start().await;
    let ids: Vec<MachineId> = (0..count).map(|_| host.add(FakeMachine::of("many", Router::new()))).collect();
    let client = Client::start(folder.path(), &host).await?;
    client.post("/v1/apps", json!({ "name": "many" })).await?;

    let (mut list, mut get, mut wait) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..LISTS {
        let (machines, took) = client.get("/v1/apps/many/machines").await?;
        ensure!(machines.as_array().is_some_and(|list| list.len() == count), "the list is not complete");
        list.push(took);
    }
    for id in ids.iter().step_by(count / CALLS) {
        let one = format!("/v1/apps/many/machines/{id}");
        get.push(client.get(&one).await?.1);
        let begun = Instant::now();
        client.post(&format!("{one}/start"), json!({})).await?;
        client.get(&format!("{one}/wait?state=started&timeout=30")).await?;
        wait.push(begun.elapsed());
    }
    Ok(Costs { list: median_ms(&list), get: median_ms(&get), wait: median_ms(&wait) })
}

struct Client {
    base: String,
    token: String,
    http: reqwest::Client,
}

impl Client {
    /// Calls an api of its own, over the host.
    async fn start(folder: &Path, host: &FakeHost) -> Result<Self> {
        let config = ApiConfig {
            rate_limits: RateLimits::none(),
            node: "bench".to_owned(),
            admin_token: folder.join("admin-token"),
            keys: folder.join("keys"),
            registry_blobs: folder.join("registry"),
            registry_aliases: Vec::new(),
            registry: "registry.roost.localhost".to_owned(),
            base_domain: "roost.localhost".to_owned(),
            app_url: "http://{app}.roost.localhost".to_owned(),
            url: String::new(),
            public_url: None,
            audit: folder.join("audit.db"),
            machine_socket: folder.join("machines.sock"),
            public_addresses: Vec::new(),
            acme: Default::default(),
            edge_speaks_tls: false,
            edge_ports: Vec::new(),
            reserved_ports: Vec::new(),
            resolvers: Vec::new(),
        };
        let parts = ApiParts {
            directory: Arc::new(SqliteDirectory::open(&folder.join("directory.db")).await?),
            host: host.client(),
            edge: EdgeClient::unix(folder.join("no-edge.sock")),
            images: Arc::new(NoRegistry),
        };
        let api = Api::open(config, parts, CancellationToken::new()).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        tokio::spawn(api.serve(listener));
        let token = std::fs::read_to_string(folder.join("admin-token"))?.trim().to_owned();
        Ok(Self { base, token, http: reqwest::Client::builder().no_proxy().build()? })
    }

    async fn get(&self, path: &str) -> Result<(Value, Duration)> {
        let begun = Instant::now();
        let answer = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token).send().await?;
        let body = answer.error_for_status().context("a call failed")?.bytes().await?;
        let took = begun.elapsed();
        Ok((serde_json::from_slice(&body)?, took))
    }

    async fn post(&self, path: &str, body: Value) -> Result<()> {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let answer = request.body(body.to_string()).send().await?;
        answer.error_for_status().with_context(|| path.to_owned())?;
        Ok(())
    }
}

/// Nothing is pulled here.
struct NoRegistry;

#[async_trait]
impl ImageResolver for NoRegistry {
    async fn resolve(&self, image: &ImageRef) -> Result<Resolved, ImageError> {
        Err(ImageError::NotPinned(image.to_string()))
    }
}

//! A node as the edge sees it: a fake host, a catalog that follows it, the edge on loopback.

#![allow(dead_code)] // Each test file uses its own part.

pub mod frames;
pub mod ports;
pub mod tls;

use std::{
    net::{SocketAddr, SocketAddrV4},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use roost_catalog::{AppRecord, Catalog, CatalogConfig, Change};
use roost_edge::{EdgeConfig, EdgeParts, Listener, ListenerKind, QuicListener, Sockets, serve};
use roost_fake_host::{FakeHost, FakeMachine};
use roost_model::{MachineId, MachineState, NetworkId};
use roost_seal::MasterKey;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub const BASE: &str = "roost.test";

/// Everything of one node; it stops when dropped.
pub struct Node {
    pub host: FakeHost,
    pub catalog: Catalog,
    /// Plain HTTP.
    pub address: SocketAddr,
    /// HTTP in TLS.
    pub tls_address: SocketAddr,
    /// HTTP/3.
    pub quic_address: SocketAddr,
    /// Seals the keys of certificates.
    pub keys: Arc<MasterKey>,
    pub client: Client<HttpConnector, Body>,
    pub shutdown: CancellationToken,
    pub edge: JoinHandle<()>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn code(&self) -> Option<&str> {
        self.headers.get("roost-error").map(|code| code.to_str().unwrap())
    }
}

impl Node {
    /// A node with these machines, ready to serve.
    pub async fn with(machines: impl IntoIterator<Item = FakeMachine>) -> Self {
        Self::configured(machines, |_| {}).await
    }

    pub async fn configured(
        machines: impl IntoIterator<Item = FakeMachine>,
        configure: impl FnOnce(&mut EdgeConfig),
    ) -> Self {
        Self::listening(machines, configure, None).await
    }

    /// With a listener more.
    pub async fn listening(
        machines: impl IntoIterator<Item = FakeMachine>,
        configure: impl FnOnce(&mut EdgeConfig),
        more: Option<Listener>,
    ) -> Self {
        let host = FakeHost::start().await;
        let ids: Vec<MachineId> = machines.into_iter().map(|machine| host.add(machine)).collect();
        let catalog = Catalog::open(CatalogConfig::default());
        catalog.apply([Change::AllApps(vec![record("empty")])]);
        let shutdown = CancellationToken::new();
        let following = catalog.clone();
        let (client, stop) = (host.client(), shutdown.clone());
        tokio::spawn(async move { following.follow_host(client, stop).await });
        catalog
            .wait_for(|s| (s.machines().count() == ids.len() && !s.hosts().is_empty()).then_some(()))
            .await;

        let info = host.info();
        let mut config = EdgeConfig::new(BASE, info.id.clone(), info.region.clone());
        configure(&mut config);
        let (plain, address) = listener(80, ListenerKind::Http).await;
        let (tls, tls_address) = listener(443, ListenerKind::Https).await;
        let folder = tempfile::tempdir().unwrap();
        let keys = Arc::new(MasterKey::open_or_create(&folder.path().join("master")).unwrap());
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let quic_address = socket.local_addr().unwrap();
        let quic = vec![QuicListener { socket, public_port: 443 }];
        let parts = EdgeParts {
            catalog: catalog.clone(),
            host: host.client(),
            keys: Some(keys.clone()),
            quic,
            sockets: Sockets::default(),
        };
        let serving = serve(config, parts, [plain, tls].into_iter().chain(more).collect(), shutdown.clone());
        let edge = tokio::spawn(async move { serving.await.unwrap() });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { host, catalog, address, tls_address, quic_address, keys, client, shutdown, edge }
    }

    pub async fn get(&self, app: &str, path: &str) -> Answer {
        self.send(self.request(app, path).body(Body::empty()).unwrap()).await
    }

    pub fn request(&self, app: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .uri(format!("http://{}{path}", self.address))
            .header("host", format!("{app}.{BASE}"))
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.client.request(request).await.expect("an answer").into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// Waits until the edge's metrics, which it has at `address`, say so.
    pub async fn metric(&self, address: SocketAddr, name: &str, value: usize) {
        self.metric_line(address, &format!("{name}{{region=\"dev\"}} {value}")).await;
    }

    /// As [`Node::metric`], for a whole line of the page.
    pub async fn metric_line(&self, address: SocketAddr, line: &str) {
        let mut page = String::new();
        for _ in 0..1200 {
            page = self.metrics_page(address).await;
            if page.lines().any(|l| l == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not {line}, but\n{page}");
    }

    /// The edge's metrics, which it has at `address`; empty while it does not answer there.
    pub async fn metrics_page(&self, address: SocketAddr) -> String {
        let answer = self.client.get(format!("http://{address}/metrics").parse().unwrap()).await;
        let Ok(answer) = answer else { return String::new() };
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    /// Waits until a line of an app's log is as wanted: `<app> <machine> <process>: <message>`.
    pub async fn logs(&self, wanted: impl Fn(&String) -> bool) -> String {
        let found = async {
            loop {
                if let Some(line) = self.host.log().into_iter().find(|line| wanted(line)) {
                    return line;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), found).await;
        found.unwrap_or_else(|_| panic!("no such line in {:#?}", self.host.log()))
    }

    /// Waits until the catalog shows the machine in `state`.
    pub async fn reaches(&self, id: &MachineId, state: MachineState, limit: Duration) {
        let reached =
            self.catalog.wait_for(|s| s.machines().any(|m| m.id == *id && m.state == state).then_some(()));
        tokio::time::timeout(limit, reached).await.unwrap_or_else(|_| panic!("{id} did not become {state}"));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.edge.abort();
    }
}

async fn listener(public_port: u16, kind: ListenerKind) -> (Listener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (Listener { socket, public_port, kind }, address)
}

pub fn record(app: &str) -> AppRecord {
    AppRecord {
        name: app.parse().unwrap(),
        org: "personal".into(),
        network: NetworkId(1),
        in_default_network: true,
    }
}

/// An app that says `text`.
pub fn says(text: &'static str) -> Router {
    Router::new().fallback(move || async move { text })
}

/// Established connections to `address`, as the kernel counts them.
pub fn open_connections(address: SocketAddrV4) -> usize {
    connections(address).iter().filter(|line| line.contains(" 01 ")).count()
}

/// Connections to `address` that are open, or were closed here within the last minute.
pub fn recent_connections(address: SocketAddrV4) -> usize {
    connections(address).len()
}

fn connections(address: SocketAddrV4) -> Vec<String> {
    let hex = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let lines = table.lines().filter(|line| line.split_whitespace().nth(2) == Some(&hex));
    lines.map(str::to_owned).collect()
}

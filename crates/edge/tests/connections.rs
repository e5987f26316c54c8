//! How many connections one app may have: whose a connection is, what those get that are too many, and what is counted.

mod support;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ws::{Message, WebSocketUpgrade},
    routing::{any, post},
};
use roost_catalog::{Change, PortHolder};
use roost_fake_host::FakeMachine;
use roost_model::service::Protocol;
use serde_json::json;
use support::{
    Node,
    frames::{END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, fields, write},
    ports::{echo, free_address, free_port, opened},
    says,
    tls::{certify, until_shown},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

const PATIENCE: Duration = Duration::from_secs(60);

fn few(app: &str, most: u32) -> FakeMachine {
    let tls = json!({ "default_self_signed": true });
    let ports = json!([
        { "port": 80, "handlers": ["http"] },
        { "port": 443, "handlers": ["tls", "http"], "tls_options": tls },
    ]);
    FakeMachine::of(app, says("hello"))
        .started()
        .service("ports", ports)
        .service("max_connections", most.into())
}

/// A connection of HTTP/1.1 that stays open after its requests.
struct Kept(TcpStream);

impl Kept {
    async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// The head of the answer and what came of its body.
    async fn ask(&mut self, app: &str) -> String {
        timeout(PATIENCE, self.try_ask(app)).await.expect("an answer in time").unwrap()
    }

    async fn try_ask(&mut self, app: &str) -> io::Result<String> {
        let request = format!("GET / HTTP/1.1\r\nhost: {app}.roost.test\r\n\r\n");
        self.0.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        while !answer.contains("\r\n\r\n") {
            let mut bytes = [0; 4096];
            let length = self.0.read(&mut bytes).await?;
            if length == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, answer));
            }
            answer.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        }
        Ok(answer)
    }

    async fn is_served(&mut self, app: &str) -> bool {
        self.ask(app).await.starts_with("HTTP/1.1 200")
    }

    async fn ends(mut self) {
        let mut rest = Vec::new();
        timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("the end").unwrap();
    }
}

/// Until a new connection is served: places come back a moment after their connections have ended.
async fn served_again(address: SocketAddr, app: &str) -> Kept {
    let served = async {
        loop {
            let mut kept = Kept::to(address).await;
            // Without a place for its address it is closed before it is read.
            if kept.try_ask(app).await.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
                return kept;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, served).await.expect("a place becomes free")
}

#[tokio::test]
async fn an_app_has_no_more_connections_than_it_says() {
    let metrics = free_address();
    let other = FakeMachine::of("other", says("hello")).started();
    let node = Node::configured([few("web", 2), other], |edge| edge.metrics = Some(metrics)).await;
    let mut held = [Kept::to(node.address).await, Kept::to(node.address).await];
    for kept in &mut held {
        assert!(kept.is_served("web").await && kept.is_served("web").await);
    }
    let mut late = Kept::to(node.address).await;
    let answer = late.ask("web").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("roost-error: E114"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    late.ends().await;
    node.logs(|line| line.starts_with("web  edge: not served: E114 It has 2.")).await;
    node.metric_line(metrics, r#"fly_edge_tcp_connections_drop_count{region="dev",app="web"} 1"#).await;
    // A connection is the app's that it asked last, and no longer the one's before.
    assert!(held[0].is_served("other").await);
    let mut third = served_again(node.address, "web").await;
    let refused = held[0].ask("web").await;
    assert!(refused.contains("roost-error: E114"), "{refused}");
    assert!(third.is_served("web").await && held[1].is_served("web").await);
    let [_, second] = held;
    drop(second);
    served_again(node.address, "web").await;
}

#[tokio::test]
async fn a_node_keeps_places_for_other_apps() {
    let apps = ["web", "other"].map(|app| FakeMachine::of(app, says("hello")).started());
    let node = Node::configured(apps, |edge| edge.max_connections_per_app = 1).await;
    let mut first = Kept::to(node.address).await;
    assert!(first.is_served("web").await);
    let answer = Kept::to(node.address).await.ask("web").await;
    assert!(answer.contains("roost-error: E114"), "{answer}");
    assert!(Kept::to(node.address).await.is_served("other").await);
    assert!(first.is_served("web").await);
}

#[tokio::test]
async fn a_websocket_has_its_place_until_it_ends() {
    let echo = any(|upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(|mut socket| async move {
            while let Some(Ok(message @ Message::Text(_))) = socket.recv().await {
                let _ = socket.send(message).await;
            }
        })
    });
    let app = Router::new().route("/ws", echo).fallback(|| async { "hello" });
    let machine = FakeMachine::of("web", app).started().service("max_connections", 1.into());
    // All that the node's client may have, too.
    let node = Node::configured([machine], |edge| edge.client_limits.connections = 2).await;
    let mut socket = TcpStream::connect(node.address).await.unwrap();
    let upgrade = "GET /ws HTTP/1.1\r\nhost: web.roost.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    timeout(PATIENCE, socket.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    let mut second = Kept::to(node.address).await;
    assert!(second.ask("web").await.contains("roost-error: E114"));
    second.ends().await;
    drop(socket);
    served_again(node.address, "web").await;
}

#[tokio::test]
async fn an_http_2_connection_without_a_place_is_told_to_go() {
    let node = Node::with([few("web", 1)]).await;
    let mut held = Kept::to(node.address).await;
    assert!(held.is_served("web").await);
    let mut frames = Frames::connect(&node, "web.roost.test").await;
    let mut bytes = Vec::new();
    let head = [(":method", "GET"), (":scheme", "https"), (":authority", "web.roost.test"), (":path", "/")];
    write(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 1, &fields(head));
    frames.send(&bytes).await.unwrap();
    timeout(PATIENCE, frames.next_of(GOAWAY)).await.unwrap().unwrap();
    assert!(held.is_served("web").await);
}

#[tokio::test]
async fn a_raw_connection_without_a_place_is_closed_and_a_flow_is_not_carried() {
    let (public, inside) = (free_port(), 19_521);
    let machine = |app: &str, protocol: &str| {
        FakeMachine::of(app, says(""))
            .started()
            .service("protocol", protocol.into())
            .service("internal_port", inside.into())
            .service("ports", json!([{ "port": public }]))
            .service("max_connections", 1.into())
            .listens_after(Duration::from_secs(24 * 3600))
    };
    let node = Node::configured([machine("db", "tcp"), machine("game", "udp")], |config| {
        config.services_address = Ipv4Addr::LOCALHOST.into();
    })
    .await;
    for (protocol, app) in [(Protocol::Tcp, "db"), (Protocol::Udp, "game")] {
        let ip = node.catalog.snapshot().app(&app.parse().unwrap()).unwrap().machines[0].ipv4;
        match protocol {
            Protocol::Tcp => echo((ip, inside).into()).await,
            Protocol::Udp => echo_datagrams((ip, inside).into()).await,
        }
        node.catalog.apply([Change::Port((protocol, public), PortHolder::App(app.parse().unwrap()))]);
    }

    let mut first = opened(public).await;
    says_hello(&mut first).await;
    let mut second = opened(public).await;
    let _ = second.write_all(b"hello").await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, second.read_to_end(&mut answer)).await.expect("the end");
    assert!(answer.is_empty(), "{answer:?}");
    node.logs(|line| line.starts_with("db  edge: not served: E114 ")).await;
    says_hello(&mut first).await;

    let flow = || async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, public)).await.unwrap();
        socket
    };
    let (first, second) = (flow().await, flow().await);
    let mut buffer = [0; 64];
    let answered = async {
        loop {
            let _ = first.send(b"ping").await;
            if let Ok(Ok(_)) = timeout(Duration::from_millis(200), first.recv(&mut buffer)).await {
                return;
            }
        }
    };
    timeout(PATIENCE, answered).await.expect("an answer");
    let refused = async {
        while !node.host.log().iter().any(|line| line.starts_with("game  edge: not served: E114 ")) {
            let _ = second.send(b"ping").await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, refused).await.expect("it is told");
    assert!(second.try_recv(&mut [0; 64]).is_err(), "nothing came of it");
}

#[tokio::test]
async fn what_passes_is_counted_for_the_app() {
    const LENGTH: usize = 300_000;
    let metrics = free_address();
    let app = Router::new().route("/", post(|body: Bytes| async move { body }));
    let node =
        Node::configured([FakeMachine::of("web", app).started()], |edge| edge.metrics = Some(metrics)).await;
    for _ in 0..3 {
        let request = node.request("web", "/").method("POST").body(Body::from(vec![b'x'; LENGTH])).unwrap();
        assert_eq!(node.send(request).await.body.len(), LENGTH);
    }
    // All of it is told at the latest when the connection has been quiet for a second.
    let told = async {
        loop {
            let page = node.metrics_page(metrics).await;
            let count = |name: &str| {
                let start = format!("{name}{{region=\"dev\",app=\"web\"}} ");
                let line = page.lines().find_map(|line| line.strip_prefix(&start));
                line.and_then(|count| count.parse::<usize>().ok()).unwrap_or(0)
            };
            let (received, sent) = (count("fly_edge_data_in"), count("fly_edge_data_out"));
            if received > 3 * LENGTH && sent > 3 * LENGTH {
                assert!(received.max(sent) < 3 * LENGTH + 20_000, "once: {received} in, {sent} out");
                assert_eq!((count("fly_edge_tcp_connects_count"), count("roost_edge_connections")), (1, 1));
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, told).await.expect("the bytes are counted");
    // One connection to the machine took them all; it is closed when it has not been used for some seconds.
    for counted in ["fly_app_tcp_connects_count", "fly_app_tcp_disconnects_count"] {
        node.metric_line(metrics, &format!(r#"{counted}{{region="dev",app="web"}} 1"#)).await;
    }
}

#[tokio::test]
async fn failed_handshakes_are_counted_by_names_of_apps_alone() {
    let metrics = free_address();
    let machine = FakeMachine::of("web", says("")).started();
    let node = Node::configured([machine], |edge| edge.metrics = Some(metrics)).await;
    let certificate = certify(&node, "www.example.com", Some("web")).await;
    until_shown(&node, "www.example.com", &certificate).await;
    let shake = async |name: &'static str| {
        // It trusts nobody: it goes as soon as it has seen the certificate.
        let config = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        let stream = TcpStream::connect(node.tls_address).await.unwrap();
        let name = ServerName::try_from(name).unwrap();
        TlsConnector::from(Arc::new(config.with_no_client_auth())).connect(name, stream).await.unwrap_err();
    };
    shake("www.example.com").await;
    shake("nobodys.example.com").await;
    for line in [
        r#"fly_edge_tls_handshake_errors{region="dev",app="web",servername="www.example.com"} 1"#,
        r#"fly_edge_tls_handshake_errors{region="dev"} 1"#,
    ] {
        node.metric_line(metrics, line).await;
    }
    assert!(!node.metrics_page(metrics).await.contains("nobodys"));
}

async fn says_hello(stream: &mut TcpStream) {
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"hello");
}

async fn echo_datagrams(address: SocketAddr) {
    let socket = UdpSocket::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..length], from).await;
        }
    });
}

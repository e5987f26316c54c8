//! Clients that send or take nothing, or hardly anything, over each protocol; and those that are slow for good reasons,
//! and are let be.

mod answers;
#[path = "../support/mod.rs"]
mod support;
mod tunnels;
mod uploads;

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use axum::Router;
use bytes::Bytes;
use h3::client::SendRequest;
use quinn::{ClientConfig, Endpoint, crypto::rustls::QuicClientConfig};
use roost_edge::SlowClients;
use roost_fake_host::FakeMachine;
use serde_json::{Value, json};
use support::{Node, tls::trusting_anyone};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);
const HOST: &str = "web.roost.test";

/// What these edges have with clients that move nothing, and a time that is longer.
const SHORT: Duration = Duration::from_secs(1);
const LONGER: Duration = Duration::from_secs(3);

fn machine(app: Router, options: Value) -> FakeMachine {
    let tls = json!({"default_self_signed": true});
    let ports = json!([
        {"port": 80, "handlers": ["http"], "http_options": options},
        {"port": 443, "handlers": ["tls", "http"], "tls_options": tls, "http_options": options},
    ]);
    FakeMachine::of("web", app).started().service("ports", ports)
}

async fn node(app: Router) -> Node {
    node_of(machine(app, json!({})), SHORT, 256).await
}

async fn node_of(machine: FakeMachine, patience: Duration, bytes_per_sec: u32) -> Node {
    Node::configured([machine], |config| {
        config.slow_clients =
            SlowClients { patience, bytes_per_sec: NonZeroU32::new(bytes_per_sec).unwrap() };
        config.tunnel_idle = SHORT;
        config.services_address = std::net::Ipv4Addr::LOCALHOST.into();
    })
    .await
}

/// Waits until so many requests, or tunnels, are in the node's one machine.
async fn in_flight(node: &Node, wanted: u32) {
    let reached = async {
        loop {
            let snapshot = node.catalog.snapshot();
            let machine = snapshot.machines().next().unwrap();
            let target = snapshot.app(&machine.app).unwrap().target(&machine.id).unwrap();
            if target.load.in_flight() == wanted {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("not {wanted} in the machine"));
}

/// Waits until the app's log tells of it.
async fn told(node: &Node, code: &str) {
    node.logs(|line| line.contains(code)).await;
}

/// A connection of HTTP/3.
async fn http3(node: &Node) -> SendRequest<h3_quinn::OpenStreams, Bytes> {
    let (mut tls, _) = trusting_anyone();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let mut endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let crypto = QuicClientConfig::try_from(tls).unwrap();
    endpoint.set_default_client_config(ClientConfig::new(Arc::new(crypto)));
    let connection = endpoint.connect(node.quic_address, HOST).unwrap().await.unwrap();
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection)).await.unwrap();
    tokio::spawn(async move {
        futures::future::poll_fn(|cx| driver.poll_close(cx)).await;
        drop(endpoint);
    });
    sender
}

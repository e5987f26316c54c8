//! What others' tools and servers make of the edge: conformance suites against it, and requests that are read twice,
//! by the edge and by a server behind it.
//!
//! Run by `script/conformance`, which brings the tools; each test is the verdict of one of them.

#[path = "../support/mod.rs"]
mod support;

mod grpc;
mod h2;
mod http3;
mod slow;
mod smuggling;
mod tls_scan;
mod tool;
mod websocket;

use axum::Router;
use roost_fake_host::FakeMachine;
use serde_json::json;
use support::{Node, tls::certify};

/// The tools know how to reach this name without DNS.
const NAME: &str = "localhost";

/// A node whose app `web` has the name `localhost`, plain and in TLS.
async fn node(app: Router) -> Node {
    let node = Node::with([web(app)]).await;
    named(&node).await;
    node
}

fn web(app: Router) -> FakeMachine {
    FakeMachine::of("web", app).started().service("ports", http_and_tls())
}

fn http_and_tls() -> serde_json::Value {
    let tls = json!({"default_self_signed": true});
    json!([
        {"port": 80, "handlers": ["http"]},
        {"port": 443, "handlers": ["tls", "http"], "tls_options": tls}
    ])
}

/// Gives `web` its name, and waits until the edge shows its certificate.
async fn named(node: &Node) {
    let certificate = certify(node, NAME, Some("web")).await;
    support::tls::until_shown(node, NAME, &certificate).await;
}

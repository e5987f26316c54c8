//! gRPC with its own client and server, and the edge between them: every kind of call, trailers, errors with details,
//! cancellation, deadlines; without TLS and in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use axum::Router;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use roost_fake_host::FakeMachine;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Child,
    time::timeout,
};

use crate::{
    NAME,
    support::{Node, tls},
    tool::{run, tool},
};

/// For the server to start, on a busy box.
const START: Duration = Duration::from_secs(60);

/// The fake machine's own app stays away: the server takes its place.
const NEVER: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(flavor = "multi_thread")]
async fn grpc_passes_through_the_edge() {
    let h2 = json!({"h2_backend": true});
    let ports = json!([
        {"port": 80, "handlers": ["http"], "http_options": h2},
        {"port": 443, "handlers": ["tls", "http"], "http_options": h2},
    ]);
    let machine =
        FakeMachine::of("web", Router::new()).started().service("ports", ports).listens_after(NEVER);
    let node = Node::with([machine]).await;
    let _server = server(&node).await;
    let folder = tempfile::tempdir().unwrap();
    call_everything("plain", &[], &node.address.to_string(), folder.path()).await;

    let certificate = tls::certify(&node, NAME, Some("web")).await;
    tls::until_shown(&node, NAME, &certificate).await;
    let pem = folder.path().join("certificate.pem");
    let text = BASE64_STANDARD.encode(&certificate);
    fs::write(&pem, format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")).unwrap();
    call_everything("tls", &[&pem], &node.tls_address.to_string(), folder.path()).await;
}

async fn call_everything(mode: &str, certificate: &[&Path], address: &str, folder: &Path) {
    let name = if mode == "tls" { NAME } else { "web.roost.test" };
    let mut client = tool("ROOST_GRPC_PYTHON");
    client.arg(source("client.py")).args([mode, address, name]).args(certificate);
    let finished = run(client, folder).await;
    println!("gRPC through the edge, {mode}: {}", finished.text.lines().last().unwrap_or_default());
    assert!(finished.success && finished.text.contains("every call as it should be"), "{}", finished.text);
}

/// Ends when dropped.
async fn server(node: &Node) -> Child {
    let address = node.host.machines()[0].ipv4;
    let mut command = tool("ROOST_GRPC_PYTHON");
    command.arg(source("server.py")).arg(format!("{address}:18080")).stdout(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.as_mut().unwrap()).lines();
    let listens = timeout(START, lines.next_line()).await.expect("it starts").unwrap();
    assert_eq!(listens.as_deref(), Some("listens"));
    server
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/grpc").join(name)
}

//! h2spec: HTTP/2 and HPACK, rule by rule, with its strict cases. In TLS, and by clients that know beforehand that HTTP/2
//! is spoken (RFC 9113, section 3.3).

use axum::{Router, body::Bytes};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    NAME, node,
    support::Node,
    tool::{run, tool},
};

/// Without TLS these bytes are a request of HTTP/1.1 as good as any that is none: it is told so before the connection
/// closes. The suite expects the close alone.
const NO_PREFACE: (&str, &[u8]) =
    ("2: Sends invalid connection preface", b"INVALID CONNECTION PREFACE\r\n\r\n");

/// Its answers are longer than the windows that the cases open, and none comes before the request's end, at which a case
/// may expect a refusal.
async fn app() -> Node {
    node(Router::new().fallback(|_whole: Bytes| async { "x".repeat(4096) })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn h2spec_finds_nothing_over_tls() {
    let node = app().await;
    finds("over TLS", node.tls_address.port(), &["--tls", "--insecure"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h2spec_finds_nothing_without_tls() {
    let node = app().await;
    let (case, bytes) = NO_PREFACE;
    finds("without TLS", node.address.port(), &[], &[case]).await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the edge closes the connection");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("roost-error: E404"), "{answer}");
}

/// Fails when other cases than these do.
async fn finds(how: &str, port: u16, options: &[&str], failures: &[&str]) {
    let mut command = tool("ROOST_H2SPEC");
    command.args(["--host", NAME, "--port", &port.to_string(), "--strict", "--timeout", "10"]).args(options);
    let text = run(command, &std::env::temp_dir()).await.text;
    let total = text.lines().rfind(|line| line.contains(" tests, ")).unwrap_or("no total");
    println!("h2spec {how}: {}, expected: {failures:?}", total.trim());
    let told = text.split_once("Failures:").map_or("", |(_, told)| told);
    let found: Vec<_> = told.lines().filter_map(|line| line.trim().strip_prefix("× ")).collect();
    assert_eq!(found, failures, "{text}");
    assert!(total.ends_with(&format!(" 0 skipped, {} failed", failures.len())), "{text}");
}

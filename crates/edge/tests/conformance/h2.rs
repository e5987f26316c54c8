//! h2spec: HTTP/2 and HPACK, rule by rule, with its strict cases.

use axum::Router;

use crate::{
    NAME, node,
    tool::{run, tool},
};

#[tokio::test(flavor = "multi_thread")]
async fn h2spec_finds_nothing_over_tls() {
    // Longer than the windows that its cases open.
    let node = node(Router::new().fallback(|| async { "x".repeat(4096) })).await;
    let port = node.tls_address.port().to_string();
    let mut command = tool("ROOST_H2SPEC");
    command.args(["--host", NAME, "--port", &port, "--tls", "--insecure", "--strict", "--timeout", "10"]);
    let finished = run(command, &std::env::temp_dir()).await;
    let total = finished.text.lines().rfind(|line| line.contains(" tests, ")).unwrap_or("no total");
    println!("h2spec over TLS: {}", total.trim());
    assert!(finished.success && total.contains(" 0 failed"), "{}", finished.text);
}

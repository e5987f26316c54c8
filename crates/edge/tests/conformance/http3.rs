//! aioquic, an HTTP/3 client of its own descent: plain requests, many at once, bodies both ways, an unknown method, a
//! stream that is given up.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::DefaultBodyLimit,
    routing::{any, get, post},
};
use http::Method;

use crate::{
    NAME, node,
    tool::{run, tool},
};

fn app() -> Router {
    Router::new()
        .route("/echo", post(|body: Bytes| async move { body }))
        .route("/large", get(|| async { Body::from(vec![b'x'; 8 << 20]) }))
        .route("/method", any(|method: Method| async move { method.to_string() }))
        .route("/never", get(|| async { std::future::pending::<()>().await }))
        .layer(DefaultBodyLimit::disable())
}

#[tokio::test(flavor = "multi_thread")]
async fn aioquic_is_served_over_http3() {
    let node = node(app()).await;
    let mut command = tool("ROOST_AIOQUIC_PYTHON");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/http3_client.py");
    command.args([script, NAME, &node.quic_address.port().to_string()]);
    let finished = run(command, &std::env::temp_dir()).await;
    let total = finished.text.lines().last().unwrap_or_default();
    println!("aioquic over HTTP/3: {total}");
    assert!(finished.success && total.ends_with("checks passed"), "{}", finished.text);
}

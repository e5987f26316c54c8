//! What the edge tells of itself: metrics, and lines in apps' logs.

mod support;

use std::{net::SocketAddr, time::Duration};

use axum::body::Body;
use futures::future::join_all;
use http_body_util::BodyExt as _;
use roost_fake_host::FakeMachine;
use serde_json::json;
use support::{Node, ports::free_address, says};
use tokio::time::sleep;

/// The page, once the listener is open.
async fn scrape(node: &Node, address: SocketAddr) -> String {
    loop {
        if let Ok(answer) = node.client.get(format!("http://{address}/metrics").parse().unwrap()).await {
            assert_eq!(answer.status(), 200);
            let page = answer.into_body().collect().await.unwrap().to_bytes();
            return String::from_utf8(page.to_vec()).unwrap();
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn forced_elsewhere(node: &Node) {
    let request = node.request("web", "/").header("fly-force-region", "gru").body(Body::empty()).unwrap();
    assert_eq!(node.send(request).await.code(), Some("E110"));
}

#[tokio::test]
async fn answers_are_counted_by_app_and_status() {
    let address = free_address();
    let machines =
        [FakeMachine::of("web", says("hello")).started(), FakeMachine::of("idle", says("")).started()];
    let node = Node::configured(machines, |edge| edge.metrics = Some(address)).await;
    for _ in 0..3 {
        node.get("web", "/").await;
    }
    forced_elsewhere(&node).await;
    assert_eq!(node.get("nobody", "/").await.code(), Some("E101"));
    let page = scrape(&node, address).await;
    for line in [
        r#"fly_edge_http_responses_count{region="dev",app="web",status="200"} 3"#,
        r#"fly_edge_http_responses_count{region="dev",app="web",status="503"} 1"#,
        r#"fly_app_http_responses_count{region="dev",app="web",status="200"} 3"#,
        r#"fly_edge_http_response_time_seconds_count{region="dev",app="web",status="2xx"} 3"#,
        r#"fly_app_http_response_time_seconds_bucket{region="dev",app="web",status="2xx",le="+Inf"} 3"#,
        r#"fly_app_tcp_connects_count{region="dev",app="web"} 1"#,
        r#"roost_edge_apps_left_out{region="dev"} 0"#,
    ] {
        assert!(page.lines().any(|l| l == line), "{line} is missing in\n{page}");
    }
    assert!(page.contains(r#"fly_app_concurrency{region="dev",app="web",instance=""#), "{page}");
    assert!(!page.contains("nobody") && !page.contains(r#"app="idle""#), "only apps that were asked\n{page}");
    let types: Vec<&str> = page.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let mut once = types.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), types.len(), "each metric is described once");
}

#[tokio::test]
async fn what_is_not_served_is_in_the_apps_log_with_its_code() {
    let closed = FakeMachine::of("closed", says("")).started().service("deny_from", json!(["127.0.0.0/8"]));
    let node = Node::with([FakeMachine::of("web", says("")).started(), closed]).await;
    forced_elsewhere(&node).await;
    let line = node.logs(|line| line.starts_with("web  edge: not served: E110 ")).await;
    assert!(line.contains("(request "), "{line}");
    assert_eq!(node.get("closed", "/").await.code(), Some("E112"));
    node.logs(|line| line.starts_with("closed  edge: not served: E112 ")).await;
    // Who asks too often does not push the app's own words out.
    join_all((0..200).map(|_| forced_elsewhere(&node))).await;
    node.logs(|line| line.starts_with("web ") && line.ends_with("were left out: they came too fast")).await;
    let told = node.host.log().iter().filter(|line| line.contains("E110")).count();
    assert!(told < 201, "{told} lines");
}

#[tokio::test]
async fn requests_are_told_where_the_service_asks_for_it() {
    let told = FakeMachine::of("told", says("hello")).started().service("access_log", json!(true));
    let node = Node::with([told, FakeMachine::of("quiet", says("")).started()]).await;
    node.get("quiet", "/").await;
    node.get("told", "/a/b?password=secret").await;
    let line = node.logs(|line| line.contains(" access: ")).await;
    assert!(line.starts_with("told ") && line.contains(" access: GET /a/b 200 ms="), "{line}");
    assert!(line.contains(" client=127.0.0.1 scheme=http request="), "{line}");
    let log = node.host.log();
    assert!(!log.iter().any(|line| line.contains("secret") || line.starts_with("quiet")), "{log:?}");
}

//! slowhttptest: clients that send or read as slowly as they can hold many connections; the edge goes on to serve others.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use axum::{Router, body::Body};
use tokio::{process::Command, time::sleep};

use crate::{
    NAME, named,
    support::Node,
    tool::{run, tool},
    web,
};

/// Connections that the slow clients hold, and how many of them begin each second.
const CONNECTIONS: &str = "300";
const RATE: &str = "150";

/// An answer that fills every buffer on the way to a client that does not read.
const LARGE: usize = 4 << 20;

async fn slow_node() -> Node {
    let app = Router::new().fallback(|| async { vec![b'x'; LARGE] });
    let node = Node::configured([web(app)], |config| config.head_timeout = Duration::from_secs(5)).await;
    named(&node).await;
    node
}

/// Runs one attack while another client goes on to ask.
async fn attack(name: &str, options: &[&str]) -> String {
    let node = Arc::new(slow_node().await);
    let url = format!("http://{NAME}:{}/", node.address.port());
    let mut command: Command = tool("ROOST_SLOWHTTPTEST");
    command.args(["-c", CONNECTIONS, "-r", RATE, "-l", "15", "-p", "20", "-u", &url]).args(options);
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let asking = tokio::spawn(ask(node.clone(), over.clone(), served.clone()));
    let finished = run(command, &std::env::temp_dir()).await;
    over.store(true, Ordering::Relaxed);
    asking.await.expect("every other request is answered");
    let text = finished.text;
    let served = served.load(Ordering::Relaxed);
    println!("slowhttptest, {name}: {served} other requests served meanwhile");
    assert!(served > 0, "{text}");
    let available = text.lines().rfind(|line| line.contains("service available")).unwrap_or_default();
    assert!(available.contains("YES"), "{text}");
    text
}

async fn ask(node: Arc<Node>, over: Arc<AtomicBool>, served: Arc<AtomicUsize>) {
    while !over.load(Ordering::Relaxed) {
        // On a connection of its own: a kept one may be closed as it is used, having been idle for too long.
        let request = node.request("web", "/").header("connection", "close").body(Body::empty()).unwrap();
        assert_eq!(node.send(request).await.status, 200);
        served.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_are_cut_in_time() {
    let text = attack("slow heads", &["-H", "-i", "3"]).await;
    // It ends by itself as soon as the edge has closed the last of its connections.
    assert!(text.contains("No open connections left"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_hold_up_nobody() {
    attack("slow bodies", &["-B", "-i", "3", "-s", "8192"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_hold_up_nobody() {
    attack("slow readers", &["-X", "-w", "1", "-y", "64", "-n", "3", "-z", "16"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_ranges_hold_up_nobody() {
    attack("ranges", &["-R"]).await;
}

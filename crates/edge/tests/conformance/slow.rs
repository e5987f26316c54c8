//! slowhttptest: clients that send or read as slowly as they can hold many connections; the edge cuts them, and goes on to
//! serve others.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
};
use tokio::{process::Command, time::sleep};

use crate::{
    NAME, named,
    support::{Node, open_connections},
    tool::{run, tool},
    web,
};

/// Connections that the slow clients hold, and how many of them begin each second.
const CONNECTIONS: usize = 300;
const RATE: &str = "150";

/// An answer that fills every buffer on the way to a client that does not read.
const LARGE: usize = 4 << 20;

async fn slow_node() -> Node {
    let app = Router::new().fallback(|_whole: Bytes| async { vec![b'x'; LARGE] });
    let node = Node::configured([web(app)], |config| {
        config.head_timeout = Duration::from_secs(5);
        config.slow_clients.patience = Duration::from_secs(5);
    })
    .await;
    named(&node).await;
    node
}

/// What another client saw during an attack.
#[derive(Debug, Default)]
struct Seen {
    served: usize,
    /// Connections to the edge, at most.
    most: usize,
    /// Looks at the end of the attack at which there were hardly any.
    calm: usize,
    /// What the attacker says.
    text: String,
}

/// Runs one attack while another client goes on to ask.
async fn attack(name: &str, options: &[&str]) -> Seen {
    let node = Arc::new(slow_node().await);
    let url = format!("http://{NAME}:{}/", node.address.port());
    let mut command: Command = tool("ROOST_SLOWHTTPTEST");
    let connections = CONNECTIONS.to_string();
    command.args(["-c", &connections, "-r", RATE, "-l", "15", "-p", "20", "-u", &url]).args(options);
    let over = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(ask(node.clone(), over.clone()));
    let finished = run(command, &std::env::temp_dir()).await;
    over.store(true, Ordering::Relaxed);
    let mut seen = asking.await.expect("every other request is answered");
    let text = finished.text;
    println!("slowhttptest, {name}: {seen:?}");
    assert!(seen.served > 0, "{text}");
    let available = text.lines().rfind(|line| line.contains("service available")).unwrap_or_default();
    assert!(available.contains("YES"), "{text}");
    seen.text = text;
    seen
}

/// It ends by itself as soon as the edge has closed the last of its connections.
fn ends_early(seen: &Seen) {
    assert!(seen.text.contains("No open connections left"), "{}", seen.text);
}

/// The attacker, who hardly reads, has not noticed yet.
fn attacks_nobody(seen: &Seen) {
    assert!(seen.most >= CONNECTIONS && seen.calm >= 10, "{seen:?}");
}

async fn ask(node: Arc<Node>, over: Arc<AtomicBool>) -> Seen {
    let SocketAddr::V4(address) = node.address else { panic!("{}", node.address) };
    let mut seen = Seen::default();
    while !over.load(Ordering::Relaxed) {
        // On a connection of its own: a kept one may be closed as it is used, having been idle for too long.
        let request = node.request("web", "/").header("connection", "close").body(Body::empty()).unwrap();
        assert_eq!(node.send(request).await.status, 200);
        seen.served += 1;
        let open = open_connections(address);
        seen.most = seen.most.max(open);
        seen.calm = if open < CONNECTIONS / 10 { seen.calm + 1 } else { 0 };
        sleep(Duration::from_millis(50)).await;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_are_cut_in_time() {
    ends_early(&attack("slow heads", &["-H", "-i", "3"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_are_cut_in_time() {
    ends_early(&attack("slow bodies", &["-B", "-i", "3", "-s", "8192"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_are_cut_in_time() {
    attacks_nobody(&attack("slow readers", &["-X", "-w", "1", "-y", "64", "-n", "3", "-z", "16"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_ranges_hold_up_nobody() {
    attack("ranges", &["-R"]).await;
}

//! slowhttptest: clients that send or read as slowly as they can hold many connections; the edge cuts them, and goes on to
//! serve others.

use std::{
    net::{SocketAddr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
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

/// Connections that the slow clients hold, and how many of them begin each second. Those that do not read leave some 5 MB each
/// in the kernel's buffers here, which has little for all of them on a small box.
const CONNECTIONS: usize = 100;
const RATE: &str = "100";

/// Connections that are nobody's attack.
const HARDLY_ANY: usize = CONNECTIONS / 10;

/// An answer that fills every buffer on the way to a client that does not read.
const LARGE: usize = 2 << 20;

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

/// What others saw of an attack.
#[derive(Debug)]
struct Seen {
    /// Connections to the edge, at most.
    most: usize,
    /// How long there had been hardly any when the attack ended.
    calm: Duration,
    /// What the attacker says at the end.
    text: String,
}

/// Runs one attack of so many seconds while another client goes on to ask.
async fn attack(name: &str, seconds: u32, options: &[&str]) -> Seen {
    let node = Arc::new(slow_node().await);
    let SocketAddr::V4(address) = node.address else { panic!("{}", node.address) };
    let url = format!("http://{NAME}:{}/", node.address.port());
    let mut command: Command = tool("ROOST_SLOWHTTPTEST");
    let (connections, seconds) = (CONNECTIONS.to_string(), seconds.to_string());
    command.args(["-c", &connections, "-r", RATE, "-l", &seconds, "-p", "20", "-u", &url]).args(options);
    let over = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(ask(node.clone(), over.clone()));
    let watching = tokio::spawn(watch(address, over.clone()));
    let finished = run(command, &std::env::temp_dir()).await;
    over.store(true, Ordering::Relaxed);
    let served = asking.await.expect("every other request is answered");
    let (most, calm) = watching.await.expect("it only looks");
    let seen = Seen { most, calm, text: last_status(&finished.text) };
    println!("slowhttptest, {name}: {served} other requests answered, {seen:?}");
    assert!(served > 0, "{seen:?}");
    let available = seen.text.lines().rfind(|line| line.contains("service available")).unwrap_or_default();
    assert!(available.contains("YES"), "{seen:?}");
    seen
}

/// The last of the screens that it draws, without colours.
fn last_status(text: &str) -> String {
    let plain: String = text
        .split("\u{1b}[")
        .map(|rest| rest.trim_start_matches(|sign: char| sign.is_ascii_digit() || sign == ';'))
        .map(|rest| rest.strip_prefix(['m', 'H', 'J']).unwrap_or(rest))
        .collect();
    let begin = plain.rfind("slow HTTP test status").unwrap_or_default();
    plain[begin..].to_owned()
}

/// It ends by itself as soon as the edge has closed the last of its connections.
fn ends_early(seen: &Seen) {
    assert!(seen.text.contains("No open connections left"), "{seen:?}");
}

/// The attacker, who hardly reads, has not noticed yet.
fn attacks_nobody(seen: &Seen) {
    let unaware =
        seen.text.lines().any(|line| line.split_whitespace().eq(["connected:", &CONNECTIONS.to_string()]));
    assert!(unaware && seen.most > HARDLY_ANY && seen.calm >= Duration::from_secs(1), "{seen:?}");
}

/// How many of its requests are answered.
async fn ask(node: Arc<Node>, over: Arc<AtomicBool>) -> usize {
    let mut served = 0;
    while !over.load(Ordering::Relaxed) {
        // On a connection of its own: a kept one may be closed as it is used, having been idle for too long.
        let request = node.request("web", "/").header("connection", "close").body(Body::empty()).unwrap();
        assert_eq!(node.send(request).await.status, 200);
        served += 1;
        sleep(Duration::from_millis(50)).await;
    }
    served
}

/// The most connections that were open at a time, and for how long there have been hardly any.
async fn watch(address: SocketAddrV4, over: Arc<AtomicBool>) -> (usize, Duration) {
    let (mut most, mut crowded) = (0, Instant::now());
    while !over.load(Ordering::Relaxed) {
        let open = open_connections(address);
        most = most.max(open);
        if open > HARDLY_ANY {
            crowded = Instant::now();
        }
        sleep(Duration::from_millis(50)).await;
    }
    (most, crowded.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_are_cut_in_time() {
    ends_early(&attack("slow heads", 15, &["-H", "-i", "3"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_are_cut_in_time() {
    ends_early(&attack("slow bodies", 15, &["-B", "-i", "3", "-s", "8192"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_are_cut_in_time() {
    attacks_nobody(&attack("slow readers", 25, &["-X", "-w", "1", "-y", "64", "-n", "3", "-z", "16"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_ranges_hold_up_nobody() {
    attack("ranges", 15, &["-R"]).await;
}

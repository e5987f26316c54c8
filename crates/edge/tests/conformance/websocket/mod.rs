//! The Autobahn suite's cases (kosoku runs them): frames, fragments, pings, closes, UTF-8 and limits, through the edge
//! to an echo server. Over HTTP/1.1, and over HTTP/2 with the Python library h2 as the client.

use std::{process::Stdio, time::Duration};

use axum::{
    Router,
    extract::{WebSocketUpgrade, ws::Message},
    response::Response,
    routing::any,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

use crate::{
    NAME, node,
    support::Node,
    tool::{run, tool},
};

/// For a program of Python to start, or to end, on a busy box.
const PATIENCE: Duration = Duration::from_secs(60);

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    // The largest case sends one frame of 16 MiB.
    upgrade.max_frame_size(64 << 20).on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            let echoed = match message {
                Message::Text(_) | Message::Binary(_) => socket.send(message).await,
                _ => continue,
            };
            if echoed.is_err() {
                break;
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn autobahns_cases_pass_through_the_edge() {
    let node = node(Router::new().fallback(any(echo))).await;
    run_cases("Autobahn through the edge", node.address.port(), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn autobahns_cases_pass_through_the_edge_over_http_2() {
    let node = node(Router::new().fallback(any(echo))).await;
    let mut relay = Relay::start(&node).await;
    let cases = run_cases("Autobahn through the edge, over HTTP/2", relay.port, 16).await;
    let carried = relay.end().await;
    println!("Autobahn through the edge, over HTTP/2: {carried}");
    // Else some went another way.
    let opened = carried.split(' ').next().and_then(|count| count.parse().ok());
    assert!(opened >= Some(cases), "{cases} cases, but {carried}");
}

/// All cases, some at once, against the server at `port`; how many there were.
async fn run_cases(name: &str, port: u16, at_once: u32) -> u32 {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tool("ROOST_KOSOKU");
    command.args(["--mode", "fuzzingclient", "--parallelism", &at_once.to_string(), "--outdir", "report"]);
    // Those of compression, which this echo server does not agree to: frames are nothing to the edge.
    command.args(["--exclude", "12.*", "--exclude", "13.*"]);
    command.arg(format!("ws://{NAME}:{port}"));
    let finished = run(command, folder.path()).await;
    let total = finished.text.lines().last().unwrap_or_default();
    println!("{name}: {total}");
    let passed = total.strip_suffix(" cases passed").and_then(|count| count.parse().ok());
    assert!(finished.success, "{}", finished.text);
    passed.unwrap_or_else(|| panic!("{}", finished.text))
}

/// Clients of HTTP/1.1 come by it to the edge over HTTP/2.
struct Relay {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Relay {
    async fn start(node: &Node) -> Self {
        let mut command = tool("ROOST_H2_PYTHON");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/websocket/http2_relay.py");
        command.args([script, NAME, &node.tls_address.port().to_string()]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = timeout(PATIENCE, lines.next_line()).await.expect("it starts").unwrap();
        Self { process, lines, port: port.expect("it listens").parse().unwrap() }
    }

    /// What it has carried.
    async fn end(&mut self) -> String {
        drop(self.process.stdin.take());
        let ended = timeout(PATIENCE, self.process.wait()).await.expect("it ends").unwrap();
        let mut said = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            said.push(line);
        }
        assert!(ended.success(), "{said:#?}");
        said.pop().expect("what it has carried")
    }
}

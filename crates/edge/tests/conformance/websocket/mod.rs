//! The Autobahn suite's cases (kosoku runs them): frames, fragments, pings, closes, UTF-8 and limits, through the edge
//! to an echo server. Over HTTP/1.1, and over HTTP/2 with the Python library h2 as the client.

use std::{collections::BTreeMap, fs, process::Stdio, time::Duration};

use axum::{
    Router,
    extract::{WebSocketUpgrade, ws::Message},
    response::Response,
    routing::any,
};
use serde::Deserialize;
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

/// How often a case is asked again, alone.
const ALONE: u32 = 2;

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
///
/// Many have a second to come to their end, however busy the box is: those that do not pass beside others are asked again,
/// alone.
async fn run_cases(name: &str, port: u16, at_once: u32) -> usize {
    // Without those of compression, which this echo server does not agree to: frames are nothing to the edge.
    let (cases, mut failed) = kosoku(port, at_once, &["--exclude", "12.*", "--exclude", "13.*"]).await;
    for _ in 0..ALONE {
        if failed.is_empty() {
            break;
        }
        println!("{name}: of {cases} cases, not passed yet: {failed:?}");
        let again: Vec<_> = failed.iter().flat_map(|verdict| ["--include", &verdict.case]).collect();
        let (asked, still) = kosoku(port, 1, &again).await;
        assert_eq!(asked, failed.len(), "each of them is asked again, and no other");
        failed = still;
    }
    assert!(failed.is_empty(), "{name}: of {cases} cases: {failed:?}");
    println!("{name}: {cases} cases passed");
    cases
}

/// What kosoku says of a case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    #[serde(skip_deserializing)]
    case: String,
    behavior: String,
    behavior_close: String,
}

impl Verdict {
    fn passed(&self) -> bool {
        [&self.behavior, &self.behavior_close]
            .into_iter()
            .all(|behavior| ["OK", "NON-STRICT", "INFORMATIONAL"].contains(&behavior.as_str()))
    }
}

/// How many cases `options` choose, and its verdicts on those that do not pass.
async fn kosoku(port: u16, at_once: u32, options: &[&str]) -> (usize, Vec<Verdict>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tool("ROOST_KOSOKU");
    command.args(["--mode", "fuzzingclient", "--parallelism", &at_once.to_string(), "--outdir", "report"]);
    command.args(options).arg(format!("ws://{NAME}:{port}"));
    let finished = run(command, folder.path()).await;
    let report = fs::read(folder.path().join("report/index.json"));
    let report = report.unwrap_or_else(|error| panic!("no report, {error}: {}", finished.text));
    // By server, of which there is one.
    let report: BTreeMap<String, BTreeMap<String, Verdict>> = serde_json::from_slice(&report).unwrap();
    let verdicts = report.into_values().flatten().map(|(case, verdict)| Verdict { case, ..verdict });
    let (passed, failed): (Vec<_>, Vec<_>) = verdicts.partition(Verdict::passed);
    let cases = passed.len() + failed.len();
    assert!(cases > 0, "{}", finished.text);
    assert_eq!(finished.success, failed.is_empty(), "{}", finished.text);
    (cases, failed)
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

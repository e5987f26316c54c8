//! The Autobahn suite's cases (kosoku runs them): frames, fragments, pings, closes, UTF-8 and limits, through the edge
//! to an echo server.

use axum::{
    Router,
    extract::{WebSocketUpgrade, ws::Message},
    response::Response,
    routing::any,
};

use crate::{
    NAME, node,
    tool::{run, tool},
};

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
    let folder = tempfile::tempdir().unwrap();
    let mut command = tool("ROOST_KOSOKU");
    command.args(["--mode", "fuzzingclient", "--parallelism", "4", "--outdir", "report"]);
    // Those of compression, which this echo server does not agree to: frames are nothing to the edge.
    command.args(["--exclude", "12.*", "--exclude", "13.*"]);
    command.arg(format!("ws://{NAME}:{}", node.address.port()));
    let finished = run(command, folder.path()).await;
    let total = finished.text.lines().last().unwrap_or_default();
    println!("Autobahn through the edge: {total}");
    assert!(finished.success && total.ends_with("cases passed"), "{}", finished.text);
}

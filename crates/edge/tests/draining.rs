//! What clients and apps are told when a machine is emptied, and when the edge stops.

mod support;

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{WebSocketUpgrade, ws::Message},
    routing::{any, get},
};
use futures::StreamExt as _;
use http::Request;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use roost_edge_api::EdgeClient;
use roost_fake_host::FakeMachine;
use support::Node;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixListener},
    sync::mpsc,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, protocol::frame::coding::CloseCode},
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);

/// An app that tells with which code its WebSocket was closed.
fn listening(codes: mpsc::UnboundedSender<Option<u16>>) -> Router {
    let listen = any(move |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |mut socket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                if let Message::Close(frame) = message {
                    let _ = codes.send(frame.map(|frame| frame.code));
                }
            }
        })
    });
    Router::new().route("/ws", listen)
}

async fn websocket(node: &Node) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(node.address).await.unwrap();
    tokio_tungstenite::client_async("ws://web.roost.test/ws", stream).await.unwrap().0
}

/// Reads until the end, and answers as clients do; the code with which it was closed.
async fn closed_with(mut socket: WebSocketStream<TcpStream>) -> Option<CloseCode> {
    let mut code = None;
    while let Some(Ok(message)) = timeout(PATIENCE, socket.next()).await.expect("it ends") {
        if let tungstenite::Message::Close(frame) = message {
            code = frame.map(|frame| frame.code);
        }
    }
    code
}

#[tokio::test]
async fn websockets_of_a_machine_that_is_emptied_are_closed_on_both_sides() {
    let (codes, mut seen) = mpsc::unbounded_channel();
    let node = Node::with([FakeMachine::of("web", listening(codes)).started()]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("edge.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = roost_edge::serve_loads(listener, node.catalog.clone(), CancellationToken::new());
    tokio::spawn(serving);
    let machine = node.catalog.snapshot().machines().next().unwrap().id.clone();
    let (edge, app) = (EdgeClient::unix(&path), "web".parse().unwrap());
    let socket = websocket(&node).await;
    assert_eq!(edge.drain(&app, &machine).await.unwrap().in_flight, 1);
    assert_eq!(closed_with(socket).await, Some(CloseCode::Away));
    assert_eq!(timeout(PATIENCE, seen.recv()).await.unwrap(), Some(Some(1001)));
    let empty = async {
        while edge.load(&app, &machine).await.unwrap().in_flight > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, empty).await.expect("its place is given back");
    // Only what was open: the machine may be needed again.
    let _again = websocket(&node).await;
    assert_eq!(edge.load(&app, &machine).await.unwrap().in_flight, 1);
}

#[tokio::test]
async fn an_edge_that_stops_tells_its_clients_and_ends_what_is_under_way() {
    let (codes, mut seen) = mpsc::unbounded_channel();
    let (begun, mut begins) = mpsc::unbounded_channel();
    let (end, ended) = tokio::sync::watch::channel(false);
    let slow = get(move || async move {
        begun.send(()).unwrap();
        ended.clone().wait_for(|ended| *ended).await.unwrap();
        "whole"
    });
    let app = listening(codes).route("/slow", slow);
    let node = Node::with([FakeMachine::of("web", app).started()]).await;
    let socket = websocket(&node).await;
    let mut http1 = TcpStream::connect(node.address).await.unwrap();
    http1.write_all(b"GET /slow HTTP/1.1\r\nHost: web.roost.test\r\n\r\n").await.unwrap();
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (mut http2, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("http://web.roost.test/slow").body(Body::empty()).unwrap();
    let answer = tokio::spawn(http2.send_request(request));
    begins.recv().await.unwrap();
    begins.recv().await.unwrap();

    node.shutdown.cancel();
    assert_eq!(closed_with(socket).await, Some(CloseCode::Away));
    assert_eq!(timeout(PATIENCE, seen.recv()).await.unwrap(), Some(Some(1001)));
    // The connection that was told to go away takes nothing new.
    let refused = async {
        let another = || Request::get("http://web.roost.test/other").body(Body::empty()).unwrap();
        while http2.send_request(another()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, refused).await.expect("GOAWAY arrives");
    end.send(true).unwrap();
    let mut answer1 = String::new();
    timeout(PATIENCE, http1.read_to_string(&mut answer1)).await.unwrap().unwrap();
    assert!(answer1.contains("connection: close") && answer1.ends_with("whole"), "{answer1}");
    let answer2 = answer.await.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(answer2, "whole");
    connection.await.unwrap().unwrap();
}

//! HTTP/2 from clients; the app behind it speaks HTTP/1.1.

mod support;

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::DefaultBodyLimit,
    http::HeaderMap,
    routing::{get, post},
};
use futures::future::join_all;
use http::{Request, Version};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use roost_fake_host::FakeMachine;
use rustls::pki_types::ServerName;
use serde_json::json;
use support::{
    Node,
    frames::{DATA, END_HEADERS, END_STREAM, Frames, HEADERS, fields, write},
    tls::trusting_anyone,
};
use tokio::{net::TcpStream, sync::Barrier};
use tokio_rustls::TlsConnector;

/// A machine of `web` whose service has HTTP in TLS, with a certificate that nobody vouches for.
fn machine(app: Router) -> FakeMachine {
    let tls = json!({"default_self_signed": true});
    let ports = json!([{"port": 443, "handlers": ["tls", "http"], "tls_options": tls}]);
    FakeMachine::of("web", app).started().service("ports", ports)
}

/// A connection on which h2 was agreed by ALPN.
async fn connect(node: &Node) -> SendRequest<Body> {
    let (mut config, _) = trusting_anyone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(node.tls_address).await.unwrap();
    let name = ServerName::try_from("web.roost.test").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn text(sender: &mut SendRequest<Body>, request: Request<Body>) -> String {
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

fn get_request(path: &str) -> http::request::Builder {
    Request::get(format!("https://web.roost.test{path}"))
}

#[tokio::test]
async fn requests_share_a_connection_and_run_at_once() {
    let all_here = Arc::new(Barrier::new(50));
    let app = Router::new().route(
        "/",
        get(move || async move {
            all_here.wait().await;
            "together"
        }),
    );
    let node = Node::with([machine(app)]).await;
    let sender = connect(&node).await;
    let one = || {
        let mut sender = sender.clone();
        async move { text(&mut sender, get_request("/").body(Body::empty()).unwrap()).await }
    };
    // Each is answered only when all fifty have arrived.
    assert!(join_all((0..50).map(|_| one())).await.iter().all(|answer| answer == "together"));
}

#[tokio::test]
async fn the_app_sees_the_request_as_http_1_1_puts_it() {
    let app = Router::new().fallback(|headers: HeaderMap, version: Version| async move {
        let field = |name: &str| headers[name].to_str().unwrap().to_owned();
        let cookies = headers.get_all("cookie").iter().count();
        format!("{version:?} {} {cookies} {} {}", field("host"), field("cookie"), field("x-forwarded-proto"))
    });
    let node = Node::with([machine(app)]).await;
    let request = get_request("/").header("cookie", "a=1").header("cookie", "b=2").body(Body::empty());
    let seen = text(&mut connect(&node).await, request.unwrap()).await;
    assert_eq!(seen, "HTTP/1.1 web.roost.test 1 a=1; b=2 https");
}

#[tokio::test]
async fn bodies_larger_than_every_window_arrive_whole() {
    let echo = post(|body: Bytes| async move { body });
    let app = Router::new().route("/", echo).layer(DefaultBodyLimit::disable());
    let node = Node::with([machine(app)]).await;
    let sent = "0123456789abcdef".repeat(512 * 1024);
    let request = Request::post("https://web.roost.test/").body(Body::from(sent.clone())).unwrap();
    assert!(text(&mut connect(&node).await, request).await == sent, "8 MiB come back as they were");
}

/// Kinds and flags of the frames with which one request is answered.
async fn answered_with(node: &Node, method: &str, path: &str) -> Vec<(u8, u8)> {
    let mut frames = Frames::connect(node, "web.roost.test").await;
    let pseudo =
        [(":method", method), (":scheme", "https"), (":authority", "web.roost.test"), (":path", path)];
    let mut bytes = Vec::new();
    write(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 1, &fields(pseudo));
    frames.send(&bytes).await.unwrap();
    let mut answer = Vec::new();
    while answer.last().is_none_or(|(_, flags)| flags & END_STREAM == 0) {
        let frame = frames.next().await.unwrap();
        if frame.stream == 1 {
            answer.push((frame.kind, frame.flags));
        }
    }
    answer
}

#[tokio::test]
async fn an_answer_ends_with_the_last_frame_that_says_something() {
    let app = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/nothing", get(|| async { http::StatusCode::NO_CONTENT }));
    let node = Node::with([machine(app)]).await;
    let (head, last) = (END_HEADERS, END_HEADERS | END_STREAM);
    assert_eq!(answered_with(&node, "GET", "/").await, [(HEADERS, head), (DATA, END_STREAM)]);
    assert_eq!(answered_with(&node, "HEAD", "/").await, [(HEADERS, last)]);
    assert_eq!(answered_with(&node, "GET", "/nothing").await, [(HEADERS, last)]);
}

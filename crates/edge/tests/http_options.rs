//! What `http_options` of a port do to answers, and how long things may take.

mod support;

use std::{convert::Infallible, io::Read as _, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::RawQuery,
    http::HeaderMap,
    response::Response,
    routing::get,
};
use futures::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use roost_fake_host::FakeMachine;
use serde_json::{Value, json};
use support::{Node, says};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(60);

fn machine(app: Router, options: Value) -> FakeMachine {
    let ports = json!([{"port": 80, "handlers": ["http"], "http_options": options}]);
    FakeMachine::of("web", app).started().service("ports", ports)
}

fn text() -> String {
    (0..5000).map(|n| format!("line {n} of a text that shrinks\n")).collect()
}

/// Answers with the headers that the query asks for, and text.
fn as_asked() -> Router {
    let answer = get(|RawQuery(query): RawQuery| async move {
        let mut response = Response::new(Body::from(text()));
        let query = query.unwrap_or_default().replace("%20", " ").replace("%22", "\"");
        for (name, value) in query.split('&').filter_map(|item| item.split_once('=')) {
            let value = HeaderValue::try_from(value).unwrap();
            response.headers_mut().insert(HeaderName::try_from(name).unwrap(), value);
        }
        response
    });
    Router::new().route("/", answer)
}

/// Head and body, as they came.
async fn fetch(node: &Node, path: &str, accepts: &str) -> (HeaderMap, Bytes) {
    let request = node.request("web", path).header("accept-encoding", accepts).body(Body::empty()).unwrap();
    let (head, body) = node.client.request(request).await.unwrap().into_parts();
    (head.headers, body.collect().await.unwrap().to_bytes())
}

fn decode(coding: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    match coding {
        "zstd" => zstd::Decoder::new(bytes).unwrap().read_to_string(&mut text).unwrap(),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_string(&mut text).unwrap(),
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap(),
        other => panic!("{other}"),
    };
    text
}

#[tokio::test]
async fn answers_are_compressed_as_the_client_likes_best() {
    let node = Node::with([machine(as_asked(), json!({"compress": true}))]).await;
    for (accepts, coding) in [("gzip, br, zstd", "zstd"), ("gzip, br", "br"), ("gzip, br;q=0.1", "gzip")] {
        let (headers, body) = fetch(&node, "/?content-type=text/html&etag=%221%22", accepts).await;
        assert_eq!(headers["content-encoding"], coding, "{accepts}");
        assert_eq!(headers["vary"], "accept-encoding");
        assert_eq!(headers["etag"], "W/\"1\"");
        assert!(
            body.len() < text().len() / 4 && decode(coding, &body) == text(),
            "{coding}: {} bytes",
            body.len()
        );
    }
}

#[tokio::test]
async fn what_must_not_be_changed_is_not() {
    let node = Node::with([machine(as_asked(), json!({"compress": true}))]).await;
    for (path, accepts) in [
        ("/?content-type=text/html", "identity"),
        ("/?content-type=image/png", "gzip"),
        ("/", "gzip;q=0"),
        ("/?content-type=text/html&cache-control=public,%20no-transform", "gzip"),
        ("/?content-type=text/html&content-range=bytes%200-1/2", "gzip"),
        ("/?content-type=text/html&content-encoding=none", "gzip"),
    ] {
        let (headers, body) = fetch(&node, path, accepts).await;
        assert!(!headers.contains_key("content-encoding") && body == text(), "{path}, {accepts}");
    }
    let (headers, _) = fetch(&node, "/?content-type=text/html&content-encoding=deflate", "gzip").await;
    assert_eq!(headers["content-encoding"], "deflate");
    let node = Node::with([machine(as_asked(), json!({}))]).await;
    let (headers, _) = fetch(&node, "/?content-type=text/html", "gzip").await;
    assert!(!headers.contains_key("content-encoding"), "nobody asked for it");
}

#[tokio::test]
async fn a_compressed_stream_of_events_arrives_event_by_event() {
    const EVENT: &str = "data: one\n\n";
    let app = Router::new().fallback(|| async {
        let events = stream::iter([Ok::<_, Infallible>(EVENT)]).chain(stream::pending());
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::from_stream(events))
            .unwrap()
    });
    let node = Node::with([machine(app, json!({"compress": true}))]).await;
    for coding in ["gzip", "br", "zstd"] {
        let request = node.request("web", "/").header("accept-encoding", coding).body(Body::empty()).unwrap();
        let mut answer = node.client.request(request).await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], coding);
        // The stream goes on, and yet all of the event is here.
        let mut came = Vec::new();
        while partial(coding, &came) != EVENT {
            let frame = timeout(PATIENCE, answer.frame()).await.expect("the event").unwrap().unwrap();
            came.extend_from_slice(&frame.into_data().unwrap());
        }
    }
}

/// What can be read of a stream that has not ended.
fn partial(coding: &str, bytes: &[u8]) -> String {
    let mut reader: Box<dyn std::io::Read + '_> = match coding {
        "zstd" => match zstd::Decoder::new(bytes) {
            Ok(decoder) => Box::new(decoder),
            Err(_) => return String::new(),
        },
        "br" => Box::new(brotli::Decompressor::new(bytes, 4096)),
        _ => Box::new(flate2::read::GzDecoder::new(bytes)),
    };
    let mut text = Vec::new();
    let mut piece = [0; 256];
    while let Ok(length @ 1..) = reader.read(&mut piece) {
        text.extend_from_slice(&piece[..length]);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn rules_set_and_remove_headers_of_answers_and_pristine_adds_none() {
    let app = Router::new().fallback(|| async { ([("x-secret", "1"), ("x-kept", "2")], "hello") });
    let rules = json!({"X-Frame-Options": "DENY", "X-Many": ["a", "b"], "X-Secret": false, "Server": "mine"});
    let node = Node::with([machine(app, json!({"response": {"headers": rules}}))]).await;
    let headers = node.get("web", "/").await.headers;
    assert_eq!(
        (&headers["x-frame-options"], &headers["server"], &headers["x-kept"]),
        (&"DENY".parse().unwrap(), &"mine".parse().unwrap(), &"2".parse().unwrap())
    );
    assert_eq!(headers.get_all("x-many").iter().collect::<Vec<_>>(), ["a", "b"]);
    assert!(!headers.contains_key("x-secret") && headers.contains_key("fly-request-id"));

    let node = Node::with([machine(says("hello"), json!({"response": {"pristine": true}}))]).await;
    let headers = node.get("web", "/").await.headers;
    for own in ["server", "via", "fly-request-id"] {
        assert!(!headers.contains_key(own), "{own}");
    }
}

#[tokio::test]
async fn an_answer_in_which_nothing_moves_ends_after_the_idle_timeout() {
    let app = Router::new().route("/never", get(|| async { std::future::pending::<()>().await })).route(
        "/stalls",
        get(|| async {
            let pieces = stream::iter([Ok::<_, Infallible>("some")]).chain(stream::pending());
            Body::from_stream(pieces)
        }),
    );
    let node = Node::with([machine(app, json!({"idle_timeout": 1}))]).await;
    assert_eq!(timeout(PATIENCE, node.get("web", "/never")).await.unwrap().code(), Some("E304"));
    let request = node.request("web", "/stalls").body(Body::empty()).unwrap();
    let body = node.client.request(request).await.unwrap().into_body().collect();
    timeout(PATIENCE, body).await.expect("it ends").expect_err("and not as if it were whole");
}

#[tokio::test]
async fn a_tunnel_in_which_nothing_moves_ends_after_the_idle_timeout() {
    let listen = axum::routing::any(|upgrade: axum::extract::WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket| async move { while let Some(Ok(_)) = socket.recv().await {} })
    });
    let node = Node::with([machine(Router::new().route("/", listen), json!({"idle_timeout": 1}))]).await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let head = "GET / HTTP/1.1\r\nHost: web.roost.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n";
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(format!("{head}{key}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("it ends").unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}

//! WebSockets over HTTP/2, to apps that know them over HTTP/1.1.

mod support;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{WebSocketUpgrade, ws::Message},
    http::{HeaderMap, StatusCode},
    routing::any,
};
use futures::{SinkExt as _, StreamExt as _};
use http::{Method, Request, Response, Version};
use hyper::{body::Incoming, client::conn::http2, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use roost_fake_host::FakeMachine;
use rustls::pki_types::ServerName;
use serde_json::json;
use support::{Node, says, tls::trusting_anyone};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, protocol::Role},
};

fn machine(app: Router) -> FakeMachine {
    let tls = json!({"default_self_signed": true});
    let ports = json!([{"port": 443, "handlers": ["tls", "http"], "tls_options": tls}]);
    FakeMachine::of("web", app).started().service("ports", ports)
}

/// Asks for a WebSocket over HTTP/2 in TLS, as browsers do.
async fn ask(node: &Node, path: &str) -> Response<Incoming> {
    let (mut config, _) = trusting_anyone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(node.tls_address).await.unwrap();
    let name = ServerName::try_from("web.roost.test").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("https://web.roost.test{path}"))
        .version(Version::HTTP_2)
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat");
    sender.send_request(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_websocket_over_http_2_reaches_an_app_that_knows_http_1_1() {
    let echo = any(|headers: HeaderMap, upgrade: WebSocketUpgrade| async move {
        assert_eq!(headers["via"], "2 roost");
        upgrade.protocols(["chat"]).on_upgrade(|mut socket| async move {
            while let Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) = socket.recv().await {
                socket.send(message).await.unwrap();
            }
        })
    });
    let node = Node::with([machine(Router::new().route("/ws", echo))]).await;
    let answer = ask(&node, "/ws").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["sec-websocket-protocol"]),
        (200, &"chat".parse().unwrap())
    );
    for gone in ["sec-websocket-accept", "upgrade", "connection"] {
        assert!(!answer.headers().contains_key(gone), "{gone}");
    }
    let stream = TokioIo::new(hyper::upgrade::on(answer).await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    // The second is larger than every window on the way.
    for message in [tungstenite::Message::text("one"), tungstenite::Message::binary(vec![7; 3 << 20])] {
        socket.send(message.clone()).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap() == message);
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        assert!(message.is_close());
    }
}

#[tokio::test]
async fn an_app_that_does_not_agree_is_not_taken_for_one_that_does() {
    let app = Router::new()
        .route("/gone", any(|| async { (StatusCode::NOT_FOUND, "no such room") }))
        .merge(says("a page"));
    let node = Node::with([machine(app)]).await;
    let answer = ask(&node, "/gone").await;
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("roost-error")), (404, false));
    let answer = ask(&node, "/").await;
    assert_eq!((answer.status().as_u16(), answer.headers()["roost-error"].to_str().unwrap()), (502, "E305"));
}

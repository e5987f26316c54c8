//! Early hints (103), and what else apps say before their answers.

mod support;

use std::{future::poll_fn, net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Buf as _, Bytes};
use h2::client::{ResponseFuture, SendRequest};
use http::{Request, Response, StatusCode};
use quinn::{ClientConfig, Endpoint, crypto::rustls::QuicClientConfig};
use roost_catalog::Change;
use roost_fake_host::FakeMachine;
use serde_json::{Value, json};
use support::{Node, record, says, tls::trusting_anyone};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(60);

const HINT: &str =
    "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>; rel=preload\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

fn machine(app: &str, options: Value) -> FakeMachine {
    let tls = json!({"default_self_signed": true});
    let ports = json!([
        {"port": 80, "handlers": ["http"], "http_options": options},
        {"port": 443, "handlers": ["tls", "http"], "tls_options": tls},
    ]);
    FakeMachine::of(app, says("never")).started().served_by_others().service("ports", ports)
}

/// An app of HTTP/1.1 that answers one request, with what the test says when it says it.
struct App(mpsc::Sender<String>);

impl App {
    async fn of(node: &Node, app: &str) -> Self {
        let snapshot = node.catalog.snapshot();
        let machine = snapshot.machines().find(|machine| machine.app.as_str() == app).unwrap();
        let listener = TcpListener::bind((machine.ipv4, 18080)).await.unwrap();
        let (says, mut said) = mpsc::channel::<String>(1);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            while let Some(text) = said.recv().await {
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        });
        Self(says)
    }

    async fn says(&self, text: impl Into<String>) {
        self.0.send(text.into()).await.unwrap();
    }
}

/// A client of HTTP/2, without TLS.
async fn connect(node: &Node) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(node: &Node) -> ResponseFuture {
    let mut sender = connect(node).await.ready().await.unwrap();
    let request = Request::get("http://web.roost.test/").body(()).unwrap();
    sender.send_request(request, true).unwrap().0
}

/// What comes next before the answer.
async fn hint(answer: &mut ResponseFuture) -> Option<Response<()>> {
    let next = timeout(PATIENCE, poll_fn(|cx| answer.poll_informational(cx))).await;
    next.expect("a hint, or the answer").map(Result::unwrap)
}

fn links(hint: &Response<()>) -> Vec<&str> {
    hint.headers().get_all("link").iter().map(|link| link.to_str().unwrap()).collect()
}

async fn hello(answer: ResponseFuture) {
    let answer = timeout(PATIENCE, answer).await.expect("an answer").unwrap();
    assert_eq!(answer.status(), 200);
    assert_ne!(answer.headers()["fly-request-id"], "forged");
    assert_eq!(answer.into_body().data().await.unwrap().unwrap(), "hello");
}

#[tokio::test]
async fn a_client_of_http_2_is_told_while_the_app_works_on_its_answer() {
    let rules = json!({"response": {"headers": {"x-own": false}}});
    let node = Node::with([machine("web", rules)]).await;
    let app = App::of(&node, "web").await;
    let mut answer = ask(&node).await;
    app.says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n").await;
    let first = hint(&mut answer).await.unwrap();
    assert_eq!((first.status(), first.headers().len()), (StatusCode::PROCESSING, 0));
    let theirs =
        "Connection: x-hop\r\nX-Hop: 1\r\nContent-Length: 5\r\nFly-Request-Id: forged\r\nX-Own: 1\r\n\r\n";
    app.says(HINT.replacen("\r\n\r\n", &format!("\r\n{theirs}"), 1)).await;
    // The app says no more until then.
    let second = hint(&mut answer).await.unwrap();
    assert_eq!(second.status(), StatusCode::EARLY_HINTS);
    assert_eq!(links(&second), ["</a.css>; rel=preload", "</b.js>; rel=preload"]);
    assert_eq!(second.headers().len(), 2, "{:?}", second.headers());
    app.says(ANSWER).await;
    assert!(hint(&mut answer).await.is_none());
    hello(answer).await;
}

#[tokio::test]
async fn hints_in_one_piece_with_the_answer_come_before_it() {
    let node = Node::with([machine("web", json!({}))]).await;
    let app = App::of(&node, "web").await;
    let mut answer = ask(&node).await;
    app.says([HINT, HINT, ANSWER].concat()).await;
    for _ in 0..2 {
        assert_eq!(links(&hint(&mut answer).await.unwrap()).len(), 2);
    }
    hello(answer).await;
}

#[tokio::test]
async fn a_client_is_not_told_more_than_it_can_be_made_to_hold() {
    let node = Node::with([machine("web", json!({}))]).await;
    let app = App::of(&node, "web").await;
    let mut answer = ask(&node).await;
    let large = format!("HTTP/1.1 103 Early Hints\r\nLink: </{}>\r\n\r\n", "x".repeat(4096));
    app.says(format!("{}{ANSWER}", large.repeat(30))).await;
    let mut told = 0;
    while hint(&mut answer).await.is_some() {
        told += 1;
    }
    // 16 KiB hold no more of them.
    assert_eq!(told, 3);
    hello(answer).await;
}

#[tokio::test]
async fn an_app_that_never_comes_to_its_answer_has_none() {
    let node = Node::with([machine("web", json!({}))]).await;
    let app = App::of(&node, "web").await;
    let mut answer = ask(&node).await;
    for _ in 0..32 {
        app.says("HTTP/1.1 103 Early Hints\r\n\r\n").await;
        assert_eq!(hint(&mut answer).await.unwrap().status(), 103);
    }
    app.says("HTTP/1.1 103 Early Hints\r\n\r\n").await;
    assert!(hint(&mut answer).await.is_none());
    let answer = timeout(PATIENCE, answer).await.expect("an answer").unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["roost-error"]), (502, &"E305".parse().unwrap()));
}

#[tokio::test]
async fn hints_before_a_replay_are_followed_by_those_of_the_app_that_takes_it() {
    let node = Node::with([machine("web", json!({})), machine("other", json!({}))]).await;
    node.catalog.apply(["web", "other"].map(|app| Change::App(record(app))));
    let (web, other) = (App::of(&node, "web").await, App::of(&node, "other").await);
    let mut answer = ask(&node).await;
    web.says("HTTP/1.1 103 Early Hints\r\nLink: </of-web>\r\n\r\n").await;
    assert_eq!(links(&hint(&mut answer).await.unwrap()), ["</of-web>"]);
    web.says("HTTP/1.1 200 OK\r\nFly-Replay: app=other\r\nContent-Length: 0\r\n\r\n").await;
    other.says("HTTP/1.1 103 Early Hints\r\nLink: </of-other>\r\n\r\n").await;
    assert_eq!(links(&hint(&mut answer).await.unwrap()), ["</of-other>"]);
    other.says(ANSWER).await;
    hello(answer).await;
}

#[tokio::test]
async fn an_app_of_http_2_tells_clients_the_same_way() {
    let node = Node::with([machine("web", json!({"h2_backend": true}))]).await;
    let ipv4 = node.catalog.snapshot().machines().next().unwrap().ipv4;
    let listener = TcpListener::bind((ipv4, 18080)).await.unwrap();
    let (go_on, mut goes_on) = mpsc::channel::<()>(1);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        let hint =
            Response::builder().status(103).header("link", "</a.css>").header("fly-request-id", "forged");
        respond.send_informational(hint.body(()).unwrap()).unwrap();
        let answering = async move {
            goes_on.recv().await.unwrap();
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from("hello"), true).unwrap();
        };
        tokio::join!(answering, connection.accept());
    });
    let mut answer = ask(&node).await;
    let first = hint(&mut answer).await.unwrap();
    assert_eq!((first.status(), links(&first)), (StatusCode::EARLY_HINTS, vec!["</a.css>"]));
    assert_eq!(first.headers().len(), 1);
    go_on.send(()).await.unwrap();
    assert!(hint(&mut answer).await.is_none());
    hello(answer).await;
}

#[tokio::test]
async fn a_client_of_http_1_1_gets_the_answer_alone() {
    let node = Node::with([machine("web", json!({}))]).await;
    let app = App::of(&node, "web").await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web.roost.test\r\nConnection: close\r\n\r\n").await.unwrap();
    app.says([HINT, ANSWER].concat()).await;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert!(!answer.contains("103") && !answer.contains("a.css"), "{answer}");
}

#[tokio::test]
async fn a_client_of_http_3_is_told_while_the_app_works_on_its_answer() {
    let node = Node::with([machine("web", json!({}))]).await;
    let app = App::of(&node, "web").await;
    let (mut tls, _) = trusting_anyone();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let mut endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let crypto = QuicClientConfig::try_from(tls).unwrap();
    endpoint.set_default_client_config(ClientConfig::new(Arc::new(crypto)));
    let connection = endpoint.connect(node.quic_address, "web.roost.test").unwrap().await.unwrap();
    let (mut driver, mut sender) = h3::client::new(h3_quinn::Connection::new(connection)).await.unwrap();
    tokio::spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
    let request = Request::get("https://web.roost.test/").body(()).unwrap();
    let mut stream = sender.send_request(request).await.unwrap();
    stream.finish().await.unwrap();
    app.says(HINT).await;
    let first = timeout(PATIENCE, stream.recv_response()).await.expect("a hint").unwrap();
    assert_eq!((first.status(), links(&first).len()), (StatusCode::EARLY_HINTS, 2));
    app.says(ANSWER).await;
    let answer = timeout(PATIENCE, stream.recv_response()).await.expect("an answer").unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = stream.recv_data().await.unwrap().unwrap();
    assert_eq!(body.copy_to_bytes(body.remaining()), "hello");
}

//! HTTP/3 from clients; the app behind it speaks HTTP/1.1.

mod support;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::DefaultBodyLimit,
    http::{HeaderMap, Version},
    routing::{get, post},
};
use bytes::Buf as _;
use futures::future::{join_all, poll_fn};
use h3::{client::SendRequest, error::Code};
use http::Request;
use quinn::{ClientConfig, Endpoint, crypto::rustls::QuicClientConfig};
use roost_fake_host::FakeMachine;
use serde_json::{Value, json};
use support::{Node, tls::trusting_anyone};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Barrier, mpsc, oneshot},
    time::timeout,
};
use tokio_rustls::TlsConnector;

const LIMIT: Duration = Duration::from_secs(10);

type Sender = SendRequest<h3_quinn::OpenStreams, Bytes>;

fn machine(app: Router) -> FakeMachine {
    machine_with(app, json!({"default_self_signed": true}))
}

fn machine_with(app: Router, tls: Value) -> FakeMachine {
    let ports = json!([{"port": 443, "handlers": ["tls", "http"], "tls_options": tls}]);
    FakeMachine::of("web", app).started().service("ports", ports)
}

async fn try_connect(node: &Node, name: &str) -> Result<Sender, quinn::ConnectionError> {
    let (mut tls, _) = trusting_anyone();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let mut endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let crypto = QuicClientConfig::try_from(tls).unwrap();
    endpoint.set_default_client_config(ClientConfig::new(Arc::new(crypto)));
    let connection = endpoint.connect(node.quic_address, name).unwrap().await?;
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection)).await.unwrap();
    tokio::spawn(async move {
        poll_fn(|cx| driver.poll_close(cx)).await;
        drop(endpoint);
    });
    Ok(sender)
}

async fn connect(node: &Node) -> Sender {
    try_connect(node, "web.roost.test").await.unwrap()
}

/// Status, headers and body.
async fn ask(sender: &mut Sender, request: Request<()>, body: Option<Bytes>) -> (u16, HeaderMap, String) {
    let mut stream = sender.send_request(request).await.unwrap();
    if let Some(body) = body {
        stream.send_data(body).await.unwrap();
    }
    stream.finish().await.unwrap();
    let head = stream.recv_response().await.unwrap();
    let mut text = Vec::new();
    while let Some(mut piece) = stream.recv_data().await.unwrap() {
        text.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
    }
    (head.status().as_u16(), head.headers().clone(), String::from_utf8(text).unwrap())
}

fn request(path: &str) -> http::request::Builder {
    Request::builder().uri(format!("https://web.roost.test{path}"))
}

#[tokio::test]
async fn requests_share_a_connection_and_run_at_once() {
    let all_here = Arc::new(Barrier::new(50));
    let together = get(move || async move {
        all_here.wait().await;
        "together"
    });
    let node = Node::with([machine(Router::new().route("/", together))]).await;
    let sender = connect(&node).await;
    let one = || {
        let mut sender = sender.clone();
        async move { ask(&mut sender, request("/").body(()).unwrap(), None).await.2 }
    };
    // Each is answered only when all fifty have arrived.
    assert!(join_all((0..50).map(|_| one())).await.iter().all(|answer| answer == "together"));
}

#[tokio::test]
async fn the_app_sees_the_request_as_http_1_1_puts_it() {
    let app = Router::new().fallback(|headers: HeaderMap, version: Version| async move {
        let field = |name: &str| headers[name].to_str().unwrap().to_owned();
        let cookies = headers.get_all("cookie").iter().count();
        let (host, proto) = (field("host"), field("x-forwarded-proto"));
        format!("{version:?} {host} {cookies} {} {proto} {}", field("cookie"), field("fly-client-ip"))
    });
    let node = Node::with([machine(app)]).await;
    let request = request("/").header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap();
    let (status, headers, seen) = ask(&mut connect(&node).await, request, None).await;
    assert_eq!(seen, "HTTP/1.1 web.roost.test 1 a=1; b=2 https 127.0.0.1");
    assert_eq!(status, 200);
    assert!(headers.contains_key("fly-request-id"));
    assert!(!headers.contains_key("connection") && !headers.contains_key("transfer-encoding"));
}

#[tokio::test]
async fn bodies_larger_than_every_window_arrive_whole() {
    let echo = post(|body: Bytes| async move { body });
    let app = Router::new().route("/", echo).layer(DefaultBodyLimit::disable());
    let node = Node::with([machine(app)]).await;
    let sent = "0123456789abcdef".repeat(512 * 1024);
    let request = Request::post("https://web.roost.test/").body(()).unwrap();
    let (_, _, answer) = ask(&mut connect(&node).await, request, Some(Bytes::from(sent.clone()))).await;
    assert!(answer == sent, "8 MiB come back as they were");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_the_whole_and_others_go_on() {
    let app = Router::new().route("/", post(|body: Bytes| async move { body.len().to_string() }));
    let node = Node::with([machine(app)]).await;
    let mut sender = connect(&node).await;
    let short = Request::post("https://web.roost.test/").header("content-length", "10").body(()).unwrap();
    let mut stream = sender.send_request(short).await.unwrap();
    stream.send_data(Bytes::from_static(b"half")).await.unwrap();
    stream.finish().await.unwrap();
    let answer = stream.recv_response().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["roost-error"]), (400, &"E403".parse().unwrap()));
    let whole = Request::post("https://web.roost.test/").body(()).unwrap();
    assert_eq!(ask(&mut sender, whole, Some(Bytes::from_static(b"whole"))).await.2, "5");
}

/// Tells when it begins, and when nobody waits for it any more.
struct Work(mpsc::UnboundedSender<&'static str>);

impl Work {
    fn begin(told: mpsc::UnboundedSender<&'static str>) -> Self {
        told.send("begun").unwrap();
        Self(told)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = self.0.send("left");
    }
}

#[tokio::test]
async fn an_app_hears_that_its_client_has_given_up_and_the_connection_goes_on() {
    let (told, mut tells) = mpsc::unbounded_channel();
    let never = get(move || {
        let work = Work::begin(told.clone());
        async move {
            std::future::pending::<()>().await;
            drop(work);
        }
    });
    let app = Router::new().route("/never", never).route("/", get(|| async { "here" }));
    let node = Node::with([machine(app)]).await;
    let mut sender = connect(&node).await;
    let mut next = async || timeout(LIMIT, tells.recv()).await.expect("the app is told").unwrap();
    // More than a connection may have at once.
    for _ in 0..150 {
        let mut stream = sender.send_request(request("/never").body(()).unwrap()).await.unwrap();
        stream.finish().await.unwrap();
        assert_eq!(next().await, "begun");
        stream.stop_sending(Code::H3_REQUEST_CANCELLED);
        assert_eq!(next().await, "left");
    }
    let answer = timeout(LIMIT, ask(&mut sender, request("/").body(()).unwrap(), None)).await;
    assert_eq!(answer.expect("there is room for a further request").2, "here");
}

#[tokio::test]
async fn clients_hear_of_it_in_tls_and_of_names_that_are_nobody_s_never() {
    let node = Node::with([machine(Router::new().fallback(|| async { "here" }))]).await;
    let stream = TcpStream::connect(node.tls_address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(trusting_anyone().0));
    let mut stream = connector.connect("web.roost.test".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web.roost.test\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let alternative = format!("alt-svc: h3=\":{}\"; ma=86400\r\n", node.quic_address.port());
    assert!(answer.contains(&alternative), "{answer}");
    assert!(try_connect(&node, "other.roost.test").await.is_err());
    let plain = node.get("web", "/").await;
    assert!(!plain.headers.contains_key("alt-svc"), "{plain:?}");
}

#[tokio::test]
async fn an_app_that_offers_other_protocols_is_left_with_them() {
    let tls = json!({"default_self_signed": true, "alpn": ["h2"]});
    let node = Node::with([machine_with(Router::new(), tls)]).await;
    assert!(try_connect(&node, "web.roost.test").await.is_err());
}

#[tokio::test]
async fn a_request_in_flight_ends_when_the_edge_stops() {
    let (arrived, has_arrived) = oneshot::channel();
    let arrived = Arc::new(std::sync::Mutex::new(Some(arrived)));
    let slow = get(move || async move {
        if let Some(arrived) = arrived.lock().unwrap().take() {
            let _ = arrived.send(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        Body::from("done")
    });
    let node = Node::with([machine(Router::new().route("/", slow))]).await;
    let mut sender = connect(&node).await;
    let answer = tokio::spawn(async move { ask(&mut sender, request("/").body(()).unwrap(), None).await.2 });
    has_arrived.await.unwrap();
    node.shutdown.cancel();
    assert_eq!(answer.await.unwrap(), "done");
}

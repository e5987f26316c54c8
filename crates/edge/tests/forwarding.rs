//! What passes through the edge, both ways.

mod support;

use std::{convert::Infallible, net::SocketAddrV4, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, WebSocketUpgrade, ws::Message},
    response::Response,
    routing::{any, get, post},
};
use futures::{SinkExt, StreamExt, stream};
use http::HeaderMap;
use http_body_util::BodyExt;
use roost_fake_host::FakeMachine;
use support::{Node, recent_connections, says};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite;

#[tokio::test]
async fn an_app_answers_under_its_name() {
    let node = Node::with([FakeMachine::of("web", says("hello")).started()]).await;
    let answer = node.get("web", "/").await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "hello"));
    assert_eq!(answer.headers["via"], "1.1 roost");
    assert!(answer.headers.contains_key("fly-request-id"));
}

async fn show_headers(headers: HeaderMap) -> String {
    let lines = headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    lines.collect()
}

#[tokio::test]
async fn an_app_sees_the_documented_headers_and_no_forged_ones() {
    let app = Router::new().fallback(show_headers);
    let node = Node::with([FakeMachine::of("web", app).started()]).await;
    let request = node
        .request("web", "/")
        .header("fly-client-ip", "6.6.6.6")
        .header("fly-region", "mars")
        .header("fly-replay-src", "instance=forged")
        .header("x-forwarded-for", "9.9.9.9")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-port", "444")
        .header("connection", "close, x-secret-hop")
        .header("x-secret-hop", "1")
        .header("x-own", "kept");
    let seen = node.send(request.body(Body::empty()).unwrap()).await.body;
    let port = node.address.port();
    for line in [
        "fly-client-ip: 127.0.0.1",
        "fly-region: dev",
        &format!("fly-forwarded-port: {port}"),
        "x-forwarded-for: 9.9.9.9, 127.0.0.1, 127.0.0.1",
        "x-forwarded-proto: http",
        "x-forwarded-port: 444",
        "x-forwarded-ssl: off",
        "via: 1.1 roost",
        "host: web.roost.test",
        "x-own: kept",
    ] {
        assert!(seen.lines().any(|l| l == line), "{line} is missing in\n{seen}");
    }
    for gone in ["fly-replay-src", "x-secret-hop", "connection", "6.6.6.6", "mars"] {
        assert!(!seen.contains(gone), "{gone} is still in\n{seen}");
    }
}

#[tokio::test]
async fn an_upgrade_to_http_2_is_not_offered_to_apps() {
    let node = Node::with([FakeMachine::of("web", Router::new().fallback(show_headers)).started()]).await;
    let request = node
        .request("web", "/")
        .header("connection", "upgrade, http2-settings")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAAQAAP__");
    let seen = node.send(request.body(Body::empty()).unwrap()).await.body;
    assert!(!seen.contains("upgrade") && !seen.contains("http2"), "{seen}");
}

#[tokio::test]
async fn bodies_stream_both_ways_at_once() {
    let echo = post(|request: Request| async { Response::new(request.into_body()) });
    let node = Node::with([FakeMachine::of("web", Router::new().route("/", echo)).started()]).await;
    let (pieces, body) = mpsc::channel::<Bytes>(1);
    let body =
        stream::unfold(body, |mut body| async { Some((Ok::<_, Infallible>(body.recv().await?), body)) });
    let request = node.request("web", "/").method("POST").body(Body::from_stream(body)).unwrap();
    pieces.send("first".into()).await.unwrap();
    let mut answer = node.client.request(request).await.unwrap().into_body();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    // The second piece is sent only now: nothing on the way waits for the whole.
    pieces.send("second".into()).await.unwrap();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "second");
    drop(pieces);
    assert!(answer.frame().await.is_none());
}

#[tokio::test]
async fn large_bodies_arrive_whole() {
    let length = post(|body: Bytes| async move { vec![b'x'; body.len()] });
    let app = Router::new().route("/", length).layer(axum::extract::DefaultBodyLimit::disable());
    let node = Node::with([FakeMachine::of("web", app).started()]).await;
    let body = Body::from(vec![7u8; 20 << 20]);
    let answer = node.send(node.request("web", "/").method("POST").body(body).unwrap()).await;
    assert_eq!(answer.body.len(), 20 << 20);
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_upload_reaches_the_client() {
    let early = post(|| async { (http::StatusCode::PAYLOAD_TOO_LARGE, "too much") });
    let node = Node::with([FakeMachine::of("web", Router::new().route("/", early)).started()]).await;
    for _ in 0..20 {
        let body = Body::from(vec![7u8; 3 << 20]);
        let answer = node.send(node.request("web", "/").method("POST").body(body).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (413, "too much"), "{answer:?}");
    }
}

#[tokio::test]
async fn connections_to_the_machine_are_kept() {
    let peer = |info: axum::extract::Request| async move { info.headers().len().to_string() };
    let node = Node::with([FakeMachine::of("web", Router::new().fallback(peer)).started()]).await;
    let machine = node.catalog.snapshot().machines().next().unwrap().clone();
    let connections = || recent_connections(SocketAddrV4::new(machine.ipv4, 18080));
    let say = async || {
        let request = node.request("web", "/").method("POST").body(Body::from("hello")).unwrap();
        assert_eq!(node.send(request).await.status, 200);
    };
    for _ in 0..50 {
        assert_eq!(node.get("web", "/").await.status, 200);
        say().await;
    }
    assert_eq!(connections(), 1, "a hundred requests one after another need one connection");
    // Longer than after which a connection will do that may turn out to be closed, for what can not be sent twice.
    sleep(Duration::from_millis(1_200)).await;
    say().await;
    assert_eq!(connections(), 2);
    assert_eq!(node.get("web", "/").await.status, 200);
    assert_eq!(connections(), 2);
}

/// An app that answers the first request of each connection, and closes at the second.
async fn answers_once(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut read = Vec::new();
            while !read.ends_with(b"\r\n\r\nhello") {
                assert!(stream.read_buf(&mut read).await.unwrap() > 0);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nonce").await.unwrap();
            let _ = stream.read_buf(&mut read).await;
        });
    }
}

#[tokio::test]
async fn a_kept_connection_that_turns_out_to_be_closed_loses_nothing_that_may_be_sent_twice() {
    let app = FakeMachine::of("web", says("")).listens_after(Duration::from_secs(3600));
    let node = Node::with([app.started()]).await;
    let ipv4 = node.catalog.snapshot().machines().next().unwrap().ipv4;
    tokio::spawn(answers_once(TcpListener::bind((ipv4, 18080)).await.unwrap()));
    let send = async |method: &str| {
        let request = node.request("web", "/").method(method).body(Body::from("hello")).unwrap();
        let answer = node.send(request).await;
        (answer.status.as_u16(), answer.code().map(str::to_owned))
    };
    for _ in 0..3 {
        assert_eq!(send("PUT").await, (200, None));
    }
    // The app may have read it.
    assert_eq!(send("POST").await, (502, Some("E303".to_owned())));
    assert_eq!(send("POST").await, (200, None));
}

#[tokio::test]
async fn a_websocket_goes_through() {
    let echo = any(|upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket| async move {
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                socket.send(Message::Text(text)).await.unwrap();
            }
        })
    });
    let node = Node::with([FakeMachine::of("web", Router::new().route("/ws", echo)).started()]).await;
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (mut socket, response) =
        tokio_tungstenite::client_async("ws://web.roost.test/ws", stream).await.unwrap();
    assert_eq!(response.status(), 101);
    for text in ["one", "two"] {
        socket.send(tungstenite::Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), text);
    }
    let snapshot = node.catalog.snapshot();
    let web = snapshot.apps().find(|app| app.name.as_str() == "web").unwrap();
    let target = web.routes.targets().next().unwrap();
    assert_eq!(target.load.in_flight(), 1, "an open WebSocket counts as a request");
    socket.close(None).await.unwrap();
    let load = target.load.clone();
    timeout(Duration::from_secs(60), async {
        while load.in_flight() > 0 {
            sleep(Duration::from_millis(10)).await
        }
    })
    .await
    .expect("its place is given back");
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_request_in_the_app() {
    let answers = Arc::new(());
    let held = answers.clone();
    let endless = get(move || {
        let held = held.clone();
        async move {
            Body::from_stream(stream::unfold(held, |held| async move {
                sleep(Duration::from_millis(10)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b"tick")), held))
            }))
        }
    });
    let node = Node::with([FakeMachine::of("web", Router::new().route("/", endless)).started()]).await;
    let idle = Arc::strong_count(&answers);
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web.roost.test\r\n\r\n").await.unwrap();
    stream.read_exact(&mut [0; 512]).await.unwrap();
    assert!(Arc::strong_count(&answers) > idle);
    drop(stream);
    let ended = async {
        while Arc::strong_count(&answers) > idle {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), ended).await.expect("the app is told");
}

#[tokio::test]
async fn malformed_requests_get_an_answer_that_says_why() {
    let node = Node::with([FakeMachine::of("web", says("hello")).started()]).await;
    for (request, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", "E401"),
        ("GET / HTTP/1.1\r\nHost: web.roost.test\r\nHost: other\r\n\r\n", "E401"),
        ("CONNECT web.roost.test:80 HTTP/1.1\r\nHost: web.roost.test\r\n\r\n", "E402"),
        ("GET / HTTP/1.1\r\nHost: nobody.roost.test\r\n\r\n", "E101"),
        ("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "E101"),
        ("GET / HTTP/1.1\r\nHost: empty.roost.test\r\n\r\n", "E102"),
        ("GARBAGE\r\n\r\n", "E404"),
        ("GET http://web.roost.test/x HTTP/1.1\r\nHost: ignored\r\nConnection: close\r\n\r\n", "hello"),
    ] {
        let answer = raw(&node, request).await;
        assert!(answer.contains(expected), "{request:?} gave {answer}");
    }
}

#[tokio::test]
async fn a_length_given_in_two_ways_smuggles_nothing() {
    let (paths, mut seen) = mpsc::unbounded_channel();
    let app = Router::new().fallback(move |request: Request| {
        let both = request.headers().contains_key("content-length")
            && request.headers().contains_key("transfer-encoding");
        let _ = paths.send((request.uri().path().to_owned(), both));
        async { "hello" }
    });
    let node = Node::with([FakeMachine::of("web", app).started()]).await;
    let second = "GET /smuggled HTTP/1.1\r\nHost: web.roost.test\r\n\r\n";
    let head =
        "POST /first HTTP/1.1\r\nHost: web.roost.test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked";
    raw(&node, &format!("{head}\r\n\r\n0\r\n\r\n{second}")).await;
    assert_eq!(seen.recv().await, Some(("/first".to_owned(), false)), "the body is framed anew, one way");
    assert!(seen.try_recv().is_err(), "what follows is not read as a request");
}

#[tokio::test]
async fn a_head_of_too_many_fields_is_refused() {
    let node = Node::with([FakeMachine::of("web", says("hello")).started()]).await;
    let with_fields = |count: usize| {
        let fields: String = (1..count).map(|number| format!("x-{number}: 1\r\n")).collect();
        format!("GET / HTTP/1.1\r\nhost: web.roost.test\r\n{fields}\r\n")
    };
    assert!(raw(&node, &with_fields(80)).await.starts_with("HTTP/1.1 200"));
    assert!(raw(&node, &with_fields(101)).await.starts_with("HTTP/1.1 431"));
}

/// The first bytes of the answer to a raw request.
async fn raw(node: &Node, request: &str) -> String {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    // The answer may take a while to begin; then silence is its end.
    let mut silence = Duration::from_secs(60);
    while let Ok(Ok(read @ 1..)) = timeout(silence, stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..read]);
        silence = Duration::from_millis(200);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

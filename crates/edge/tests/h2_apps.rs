//! Apps that speak HTTP/2 (`h2_backend`), and clients that begin with it where nothing was agreed.

mod support;

use std::{convert::Infallible, net::SocketAddrV4, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, WebSocketUpgrade, ws::Message},
    response::Response,
    routing::{any, get, post},
};
use futures::{SinkExt as _, StreamExt as _, future::join_all, stream};
use http::{HeaderMap, HeaderValue, Version};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use roost_fake_host::FakeMachine;
use serde_json::json;
use support::{Node, open_connections, says};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Barrier, mpsc},
    time::timeout,
};
use tokio_tungstenite::tungstenite;

const PATIENCE: Duration = Duration::from_secs(60);

/// A machine of `web` to which the edge speaks HTTP/2.
fn machine(app: Router) -> FakeMachine {
    let ports = json!([{"port": 80, "handlers": ["http"], "http_options": {"h2_backend": true}}]);
    FakeMachine::of("web", app).started().service("ports", ports)
}

/// A connection that begins with HTTP/2, without TLS.
async fn connect(node: &Node) -> SendRequest<Body> {
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("http://web.roost.test{path}"))
}

/// A body of what is sent into the channel.
fn piecewise() -> (mpsc::Sender<&'static str>, Body) {
    let (pieces, body) = mpsc::channel(1);
    let next = |mut body: mpsc::Receiver<&'static str>| async { Some((body.recv().await?, body)) };
    (pieces, Body::from_stream(stream::unfold(body, next).map(Ok::<_, Infallible>)))
}

/// Repeats what it reads as it reads it, and ends with trailers, as a gRPC call does.
async fn call(request: Request) -> Response {
    assert_eq!(
        (request.version(), &request.headers()["te"]),
        (Version::HTTP_2, &"trailers".parse::<HeaderValue>().unwrap())
    );
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let trailers = stream::once(async { Ok(Frame::trailers(trailers)) });
    let body = request.into_body().into_data_stream().map(|data| data.map(Frame::data)).chain(trailers);
    Response::builder()
        .header("content-type", "application/grpc")
        .body(Body::new(StreamBody::new(body)))
        .unwrap()
}

#[tokio::test]
async fn a_call_streams_both_ways_and_ends_with_its_trailers() {
    let node = Node::with([machine(Router::new().route("/echo.Echo/Call", post(call)))]).await;
    let (pieces, body) = piecewise();
    let request = request("POST", "/echo.Echo/Call").header("te", "trailers").body(body).unwrap();
    pieces.send("first").await.unwrap();
    let mut answer = connect(&node).await.send_request(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["via"].to_str().unwrap()), (200, "2 roost"));
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    // Sent only now: nothing on the way waits for the whole.
    pieces.send("second").await.unwrap();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "second");
    drop(pieces);
    let trailers = answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn an_app_sees_one_host_and_the_version_that_the_client_spoke() {
    let app = Router::new().fallback(|request: Request| async move {
        let via = request.headers()["via"].to_str().unwrap().to_owned();
        let hosts = request.headers().get_all("host").iter().count();
        format!("{:?} {hosts} {} {via}", request.version(), request.uri())
    });
    let node = Node::with([machine(app)]).await;
    let answer =
        connect(&node).await.send_request(request("GET", "/a?b").body(Body::empty()).unwrap()).await.unwrap();
    let seen = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(seen, "HTTP/2.0 0 http://web.roost.test/a?b 2 roost");
    assert_eq!(node.get("web", "/").await.body, "HTTP/2.0 0 http://web.roost.test/ 1.1 roost");
}

#[tokio::test]
async fn requests_share_connections_to_the_app_and_take_another_when_streams_run_out() {
    const AT_ONCE: usize = 150;
    let all_here = Arc::new(Barrier::new(AT_ONCE));
    let together = get(move || async move {
        all_here.wait().await;
        "together"
    });
    let node = Node::with([machine(Router::new().route("/", together))]).await;
    let one = || async { node.get("web", "/").await.body };
    // Each is answered only when all have arrived.
    assert!(join_all((0..AT_ONCE).map(|_| one())).await.iter().all(|answer| answer == "together"));
    let ipv4 = node.catalog.snapshot().machines().next().unwrap().ipv4;
    assert_eq!(open_connections(SocketAddrV4::new(ipv4, 18080)), 2);
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody_else() {
    const LARGE: usize = 8 << 20;
    let app = Router::new().fallback(|| async { vec![b'x'; LARGE] });
    let node = Node::with([machine(app)]).await;
    let stalled = join_all((0..40).map(|_| async {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: web.roost.test\r\n\r\n").await.unwrap();
        stream.read_exact(&mut [0; 512]).await.unwrap();
        stream
    }))
    .await;
    let answer = timeout(PATIENCE, node.get("web", "/")).await.expect("it has its own window");
    assert_eq!(answer.body.len(), LARGE);
    drop(stalled);
}

#[tokio::test]
async fn an_upload_goes_on_while_the_client_does_not_read_the_answer() {
    const LARGE: usize = 8 << 20;
    let (tell, mut told) = mpsc::channel(1);
    let app = Router::new().fallback(|request: Request| async move {
        tokio::spawn(async move {
            let whole = request.into_body().collect().await.map(|body| body.to_bytes().len());
            tell.send(whole.map_err(|error| error.to_string())).await.unwrap();
        });
        vec![b'x'; LARGE]
    });
    let node = Node::with([machine(app)]).await;
    let request = request("POST", "/").body(Body::from(vec![b'y'; LARGE])).unwrap();
    let answer = connect(&node).await.send_request(request).await.unwrap();
    let arrived = timeout(PATIENCE, told.recv()).await.expect("the answer holds up nothing").unwrap();
    assert_eq!(arrived, Ok(LARGE));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), LARGE);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_the_whole() {
    let (tell, mut told) = mpsc::channel(1);
    let app = Router::new().fallback(|request: Request| async move {
        tell.send("begun").await.unwrap();
        let whole = request.into_body().collect().await.map(drop);
        tell.send(if whole.is_ok() { "whole" } else { "broken" }).await.unwrap();
    });
    let node = Node::with([machine(app)]).await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: web.roost.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(timeout(PATIENCE, told.recv()).await.unwrap(), Some("begun"));
    stream.write_all(b"no chunk\r\n").await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("roost-error: E403"), "{answer}");
    assert_eq!(timeout(PATIENCE, told.recv()).await.unwrap(), Some("broken"));
}

#[tokio::test]
async fn a_request_that_its_client_takes_back_is_taken_back_from_the_app() {
    let (tell, mut told) = mpsc::channel(1);
    let app = Router::new().fallback(|request: Request| async move {
        tell.send(()).await.unwrap();
        // It has no end, but for the reset.
        let whole = request.into_body().collect().await.map(drop);
        assert!(whole.is_err());
        tell.send(()).await.unwrap();
    });
    let node = Node::with([machine(app)]).await;
    let (pieces, body) = piecewise();
    let mut sender = connect(&node).await;
    let asking =
        tokio::spawn(async move { sender.send_request(request("POST", "/").body(body).unwrap()).await });
    pieces.send("first").await.unwrap();
    told.recv().await.unwrap();
    asking.abort();
    timeout(PATIENCE, told.recv()).await.expect("the app hears of it").unwrap();
}

#[tokio::test]
async fn a_websocket_to_such_an_app_is_asked_for_over_http_1_1() {
    let echo = any(|upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket| async move {
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                socket.send(Message::Text(text)).await.unwrap();
            }
        })
    });
    let node = Node::with([machine(Router::new().route("/ws", echo))]).await;
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://web.roost.test/ws", stream).await.unwrap();
    socket.send(tungstenite::Message::text("one")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "one");
}

#[tokio::test]
async fn an_app_that_speaks_only_http_1_1_is_told_apart() {
    let node = Node::with([machine(says("never")).listens_after(Duration::from_secs(24 * 3600))]).await;
    let ipv4 = node.catalog.snapshot().machines().next().unwrap().ipv4;
    let listener = TcpListener::bind((ipv4, 18080)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
            // A reset would take the answer with it.
            while stream.read(&mut [0; 1024]).await.is_ok_and(|count| count > 0) {}
        }
    });
    let answer = node.get("web", "/").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (502, Some("E305")), "{}", answer.body);
    assert!(answer.body.contains("h2_backend"), "{}", answer.body);
}

#[tokio::test]
async fn trailers_pass_over_http_1_1_as_well() {
    let app = Router::new().fallback(|request: Request| async move {
        let trailers = request.into_body().collect().await.unwrap().trailers().cloned().unwrap_or_default();
        let sum = trailers["x-sum"].clone();
        let frames = [Ok::<_, Infallible>(Frame::data(Bytes::from("body"))), Ok(Frame::trailers(trailers))];
        let body = Body::new(StreamBody::new(stream::iter(frames)));
        Response::builder().header("trailer", "x-sum").header("x-seen", sum).body(body).unwrap()
    });
    let plain = FakeMachine::of("web", app).started();
    let node = Node::with([plain]).await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let head =
        "POST / HTTP/1.1\r\nHost: web.roost.test\r\nTE: trailers\r\nTrailer: x-sum\r\nConnection: close, TE";
    let body = "2\r\nhi\r\n0\r\nx-sum: 7\r\n\r\n";
    stream.write_all(format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.contains("x-seen: 7\r\n") && answer.ends_with("0\r\nx-sum: 7\r\n\r\n"), "{answer}");
}

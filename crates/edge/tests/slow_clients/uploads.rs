//! Bodies that come too slowly, and those that only seem to.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Request},
    response::Response,
    routing::post,
};
use futures::{StreamExt as _, stream};
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{HOST, LONGER, PATIENCE, SHORT, http3, in_flight, machine, node, node_of, support::Node, told};

/// Between two bytes of a client that is too slow, and two pieces of one that is not.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Says how much it was sent.
fn counts() -> Router {
    let count = post(|body: Bytes| async move { body.len().to_string() });
    Router::new().route("/", count).layer(DefaultBodyLimit::disable())
}

async fn http2(node: &Node) -> SendRequest<Body> {
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// A body of so many pieces, with a pause before each.
fn slowly(piece: &'static [u8], pieces: usize) -> Body {
    Body::from_stream(stream::iter(0..pieces).then(move |_| async move {
        sleep(PAUSE).await;
        Ok::<_, Infallible>(piece)
    }))
}

fn request(body: Body) -> http::Request<Body> {
    http::Request::post(format!("http://{HOST}/")).body(body).unwrap()
}

#[tokio::test]
async fn a_body_that_drips_is_cut_over_http_1_1_and_its_connection_closed() {
    let node = node(counts()).await;
    let (mut from, mut to) = TcpStream::connect(node.address).await.unwrap().into_split();
    to.write_all(b"POST / HTTP/1.1\r\nHost: web.roost.test\r\nContent-Length: 100000\r\n\r\n").await.unwrap();
    let dripping = tokio::spawn(async move {
        while to.write_all(b"x").await.is_ok() {
            sleep(PAUSE).await;
        }
    });
    let mut answer = Vec::new();
    // Its last bytes may reset the connection behind the answer.
    let _ = timeout(PATIENCE, from.read_to_end(&mut answer)).await.expect("it ends");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("roost-error: E407\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    in_flight(&node, 0).await;
    told(&node, "not served: E407 ").await;
    timeout(PATIENCE, dripping).await.expect("the edge closes").unwrap();
}

#[tokio::test]
async fn a_body_that_drips_is_cut_over_http_2_whatever_the_app_speaks() {
    for h2_backend in [false, true] {
        let node = node_of(machine(counts(), json!({"h2_backend": h2_backend})), SHORT, 256).await;
        let mut sender = http2(&node).await;
        let answer = sender.send_request(request(slowly(b"x", 100_000)));
        let answer = timeout(PATIENCE, answer).await.expect("it is cut").unwrap();
        let code = answer.headers()["roost-error"].to_str().unwrap().to_owned();
        assert_eq!((answer.status(), code.as_str()), (StatusCode::REQUEST_TIMEOUT, "E407"), "{h2_backend}");
        in_flight(&node, 0).await;
        // The connection serves others.
        let answer = sender.send_request(request(Body::from("whole"))).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "5");
    }
}

#[tokio::test]
async fn a_body_that_stops_is_cut_over_http_3() {
    let node = node(counts()).await;
    let mut sender = http3(&node).await;
    let request = http::Request::post(format!("https://{HOST}/")).body(()).unwrap();
    let mut stream = sender.send_request(request).await.unwrap();
    stream.send_data(Bytes::from_static(b"some")).await.unwrap();
    let answer = timeout(PATIENCE, stream.recv_response()).await.expect("it is cut").unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["roost-error"]), (408, &"E407".parse().unwrap()));
    in_flight(&node, 0).await;
    told(&node, "not served: E407 ").await;
}

#[tokio::test]
async fn an_app_says_how_long_it_waits_for_a_body() {
    let patient = machine(counts(), json!({"idle_timeout": 60}));
    let hasty = machine(counts(), json!({"idle_timeout": 1}));
    for (machine, patience, status) in [(patient, SHORT, 200), (hasty, PATIENCE, 408)] {
        let node = node_of(machine, patience, 256).await;
        let body = stream::once(async {
            sleep(LONGER).await;
            Ok::<_, Infallible>("late")
        });
        let answer = http2(&node).await.send_request(request(Body::from_stream(body))).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
}

#[tokio::test]
async fn a_body_that_is_slow_but_comes_arrives_whole() {
    let node = node_of(machine(counts(), json!({})), LONGER, 256).await;
    let length = (100 * 1024).to_string();
    let answers = futures::future::join_all([false, true].map(async |over_http2| {
        let body = slowly(&[b'x'; 1024], 100);
        let answer = match over_http2 {
            true => {
                let answer = http2(&node).await.send_request(request(body)).await.unwrap();
                answer.into_body().collect().await.unwrap().to_bytes()
            }
            false => {
                let request = node.request("web", "/").method("POST").body(body).unwrap();
                node.send(request).await.body.into()
            }
        };
        answer == length.as_bytes()
    }));
    assert_eq!(answers.await, [true, true]);
}

#[tokio::test]
async fn a_body_that_the_app_does_not_read_is_not_its_client_s_fault() {
    let late = post(|body: Body| async move {
        sleep(LONGER).await;
        body.collect().await.unwrap().to_bytes().len().to_string()
    });
    let node = node(Router::new().route("/", late)).await;
    // More than every buffer on the way has.
    let length = 32 << 20;
    let request = node.request("web", "/").method("POST").body(Body::from(vec![b'x'; length])).unwrap();
    assert_eq!(node.send(request).await.body, length.to_string());
}

/// Repeats what it reads; it begins its answer with the first of it, as gRPC's servers do.
async fn call(request: Request) -> Response {
    let mut body = request.into_body().into_data_stream();
    let first = body.next().await.unwrap();
    Response::new(Body::from_stream(stream::once(async { first }).chain(body)))
}

#[tokio::test]
async fn the_client_of_a_call_may_be_silent_before_the_answer_has_begun_and_after() {
    let app = Router::new().route("/", post(call));
    let node = node_of(machine(app, json!({"h2_backend": true})), SHORT, 256).await;
    let (messages, body) = mpsc::channel::<&'static str>(1);
    let next = |mut body: mpsc::Receiver<_>| async { Some((body.recv().await?, body)) };
    let mut request = request(Body::from_stream(stream::unfold(body, next).map(Ok::<_, Infallible>)));
    request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let answer = http2(&node).await.send_request(request);
    let talk = async {
        sleep(LONGER).await;
        messages.send("first").await.unwrap();
    };
    let (answer, ()) = tokio::join!(answer, talk);
    let mut answer = answer.unwrap();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    sleep(LONGER).await;
    messages.send("second").await.unwrap();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "second");
}

//! Answers that nobody takes, and those that are taken slowly or come slowly.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::{Buf as _, Bytes};
use futures::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    HOST, LONGER, PATIENCE, SHORT, http3, in_flight, machine, node, node_of,
    support::{
        Node,
        frames::{END_HEADERS, END_STREAM, Frames, HEADERS, RST_STREAM, WINDOW_UPDATE, fields, write},
    },
    told,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: web.roost.test\r\n\r\n";

/// RFC 9113, section 7.
const CANCEL: u32 = 8;

/// Larger than what the kernel holds of a connection.
const LARGE: usize = 16 << 20;

/// An answer without an end.
fn endless() -> Router {
    let pieces = || stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 16 * 1024])));
    Router::new().route("/", get(move || async move { Body::from_stream(pieces()) }))
}

#[tokio::test]
async fn a_client_of_http_1_1_that_stops_reading_is_cut() {
    let node = node(endless()).await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(GET).await.unwrap();
    told(&node, "E408 ").await;
    in_flight(&node, 0).await;
    // What was on its way is thrown away.
    let ended = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("it ends");
    assert_eq!(ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

/// Asks for `/` on stream 1.
async fn ask(node: &Node) -> Frames {
    let mut frames = Frames::connect(node, HOST).await;
    let pseudo = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", "/")];
    let mut bytes = Vec::new();
    write(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 1, &fields(pseudo));
    frames.send(&bytes).await.unwrap();
    frames
}

#[tokio::test]
async fn a_client_of_http_2_that_opens_no_window_loses_the_stream() {
    let node = node(endless()).await;
    let mut frames = ask(&node).await;
    let reset = timeout(PATIENCE, frames.next_of(RST_STREAM)).await.expect("it is reset").unwrap();
    assert_eq!((reset.stream, reset.payload), (1, CANCEL.to_be_bytes().to_vec()));
    in_flight(&node, 0).await;
    told(&node, "E408 ").await;
}

#[tokio::test]
async fn a_client_of_http_2_that_opens_its_window_bit_by_bit_is_measured_by_that() {
    for (step, kept) in [(1_u32, false), (4096, true)] {
        let node = node_of(machine(endless(), json!({})), LONGER, 1024).await;
        let mut frames = ask(&node).await;
        let opening = async {
            for _ in 0..60 {
                sleep(Duration::from_millis(100)).await;
                let mut bytes = Vec::new();
                for stream in [0, 1] {
                    write(&mut bytes, WINDOW_UPDATE, 0, stream, &step.to_be_bytes());
                }
                frames.send(&bytes).await.unwrap();
            }
        };
        let cut = node.logs(|line| line.contains("E408 "));
        let is_kept = tokio::select! {
            () = opening => true,
            _ = cut => false,
        };
        assert_eq!(is_kept, kept, "{step} bytes each time");
    }
}

#[tokio::test]
async fn a_client_of_http_2_that_stops_reading_at_all_is_cut() {
    let node = node(endless()).await;
    let mut frames = ask(&node).await;
    let mut bytes = Vec::new();
    for stream in [0, 1] {
        write(&mut bytes, WINDOW_UPDATE, 0, stream, &(1_u32 << 30).to_be_bytes());
    }
    frames.send(&bytes).await.unwrap();
    told(&node, "E408 ").await;
    in_flight(&node, 0).await;
    let ended = async { while frames.next().await.is_ok() {} };
    timeout(PATIENCE, ended).await.expect("the connection ends");
}

#[tokio::test]
async fn a_client_of_http_3_that_stops_reading_loses_the_stream() {
    let node = node_of(machine(endless(), json!({})), SHORT, 64 * 1024).await;
    let mut sender = http3(&node).await;
    let request = http::Request::get(format!("https://{HOST}/")).body(()).unwrap();
    let mut stream = sender.send_request(request).await.unwrap();
    stream.finish().await.unwrap();
    assert_eq!(stream.recv_response().await.unwrap().status(), 200);
    told(&node, "E408 ").await;
    in_flight(&node, 0).await;
    let rest = async {
        loop {
            match stream.recv_data().await {
                Ok(Some(piece)) => assert!(piece.has_remaining()),
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    };
    assert!(timeout(PATIENCE, rest).await.expect("it ends"), "and not as if it were whole");
}

#[tokio::test]
async fn a_client_that_reads_slowly_is_measured_by_what_it_has_read() {
    let whole = Router::new().route("/", get(|| async { vec![b'x'; LARGE] }));
    let node = node_of(machine(whole, json!({})), LONGER, 256).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(32 * 1024).unwrap();
    let mut stream = socket.connect(node.address).await.unwrap();
    stream.write_all(GET).await.unwrap();
    // Long before the kernel takes more from the edge.
    let mut buffer = [0; 4096];
    for _ in 0..60 {
        stream.read_exact(&mut buffer).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    in_flight(&node, 1).await;
    assert!(!node.host.log().iter().any(|line| line.contains("E408 ")));
}

#[tokio::test]
async fn an_app_that_says_nothing_for_long_is_waited_for() {
    let events = || {
        let late = stream::once(async {
            sleep(LONGER).await;
            Ok("two")
        });
        Body::from_stream(stream::iter([Ok::<_, Infallible>("one")]).chain(late))
    };
    let app = Router::new().route("/", get(move || async move { events() }));
    let node = node(app).await;
    let over_http1 = async { node.get("web", "/").await.body };
    let over_http2 = async {
        let stream = TcpStream::connect(node.address).await.unwrap();
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::get(format!("http://{HOST}/")).body(Body::empty()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        answer.into_body().collect().await.unwrap().to_bytes()
    };
    let over_http3 = async {
        let request = http::Request::get(format!("https://{HOST}/")).body(()).unwrap();
        let mut sender = http3(&node).await;
        let mut stream = sender.send_request(request).await.unwrap();
        stream.finish().await.unwrap();
        stream.recv_response().await.unwrap();
        let mut text = Vec::new();
        while let Some(mut piece) = stream.recv_data().await.unwrap() {
            text.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
        }
        text
    };
    let (one, two, three) = tokio::join!(over_http1, over_http2, over_http3);
    assert_eq!((one.as_str(), &two[..], &three[..]), ("onetwo", &b"onetwo"[..], &b"onetwo"[..]));
}

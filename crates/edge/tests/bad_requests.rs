//! What clients are told that do not speak HTTP/1.1 as it is meant.

mod support;

use std::{sync::Arc, time::Duration};

use roost_fake_host::FakeMachine;
use rustls::pki_types::ServerName;
use support::{Node, says, tls::trusting_anyone};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(60);
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: web.roost.test\r\n\r\n";

async fn node() -> Node {
    let machine = FakeMachine::of("web", says("hello")).started();
    Node::configured([machine], |config| config.self_signed = true).await
}

/// All that comes until the edge closes the connection, as it does.
async fn rest(what: &str, stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.unwrap_or_else(|_| panic!("{what} gave {}", String::from_utf8_lossy(&answer))).unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_is_not_http_is_refused_with_a_code() {
    let node = node().await;
    let get = |rest: &str| format!("GET / HTTP/1.1\r\nHost: web.roost.test\r\n{rest}\r\n\r\n").into_bytes();
    let many: String = (0..100).map(|n| format!("x-{n}: 1\r\n")).collect();
    let (bad, large) = ("400 Bad Request E404", "431 Request Header Fields Too Large E405");
    for (what, bytes, expected) in [
        ("no request", b"GARBAGE\r\n\r\n".to_vec(), bad),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), bad),
        ("a method that is none", b"G(T / HTTP/1.1\r\n\r\n".to_vec(), bad),
        ("a target with a space", b"GET /a b HTTP/1.1\r\nHost: web.roost.test\r\n\r\n".to_vec(), bad),
        ("a version to come", b"GET / HTTP/9.1\r\nHost: web.roost.test\r\n\r\n".to_vec(), bad),
        ("a version of old", b"GET /\r\n\r\n".to_vec(), bad),
        ("a field without a colon", get("no colon"), bad),
        ("a space before the colon", get("x : 1"), bad),
        ("a folded line", get("x: 1\r\n folded: 2"), bad),
        ("a null", get("x: \0"), bad),
        ("a length that is none", get("Content-Length: ten"), bad),
        ("two lengths", get("Content-Length: 1\r\nContent-Length: 2"), bad),
        ("a negative length", get("Content-Length: -1"), bad),
        ("a coding that does not end", get("Transfer-Encoding: gzip"), bad),
        ("too many fields", get(many.trim_end()), large),
        ("a field too long", get(&format!("x: {}", "1".repeat(200_000))), large),
        ("a path too long", format!("GET /{} HTTP/1.1\r\n\r\n", "1".repeat(200_000)).into_bytes(), large),
    ] {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let answer = rest(what, &mut stream).await;
        let (status, code) = expected.rsplit_once(' ').unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{what}: {answer}");
        assert!(answer.contains(&format!("roost-error: {code}\r\n")), "{what}: {answer}");
        assert!(answer.contains("fly-request-id: ") && answer.contains("connection: close\r\n"), "{answer}");
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            text.starts_with(code) && head.contains(&format!("content-length: {}", text.len())),
            "{answer}"
        );
    }
    assert_eq!(node.get("web", "/").await.body, "hello");
}

#[tokio::test]
async fn what_comes_before_it_on_the_connection_is_answered_first() {
    let node = node().await;
    for between in [Duration::ZERO, Duration::from_millis(100)] {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        tokio::time::sleep(between).await;
        stream.write_all(format!("{REQUEST}GARBAGE\r\n\r\n").as_bytes()).await.unwrap();
        let answers = rest("garbage", &mut stream).await;
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
        assert!(answers.contains("HTTP/1.1 400 Bad Request\r\n"), "{answers}");
        assert!(answers.contains("\r\n\r\nE404 "), "{answers}");
    }
}

#[tokio::test]
async fn the_app_is_told_where_the_name_in_tls_says_which_it_is() {
    let node = node().await;
    let stream = TcpStream::connect(node.tls_address).await.unwrap();
    let name = ServerName::try_from("web.roost.test").unwrap();
    let connector = TlsConnector::from(Arc::new(trusting_anyone().0));
    let mut stream = connector.connect(name, stream).await.unwrap();
    stream.write_all(b"GARBAGE\r\n\r\n").await.unwrap();
    assert!(rest("garbage", &mut stream).await.contains("roost-error: E404"));
    node.logs(|line| line.starts_with("web ") && line.contains("not served: E404 ")).await;
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_is_told_so_and_silence_is_not() {
    let machine = FakeMachine::of("web", says("hello")).started();
    let node = Node::configured([machine], |config| config.head_timeout = Duration::from_millis(300)).await;
    let (mut begun, mut silent) =
        (TcpStream::connect(node.address).await.unwrap(), TcpStream::connect(node.address).await.unwrap());
    begun.write_all(&REQUEST.as_bytes()[..20]).await.unwrap();
    let answer = rest("half a head", &mut begun).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("roost-error: E406"), "{answer}");
    assert_eq!(rest("silence", &mut silent).await, "");
}

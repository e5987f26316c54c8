//! Connections that are parked while their client has nothing to ask, and what comes after.

mod support;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use roost_edge::{EdgeConfig, Handover};
use roost_fake_host::FakeMachine;
use rustls::pki_types::ServerName;
use support::{Node, ports::free_address, says, tls::trusting_anyone};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

const PATIENCE: Duration = Duration::from_secs(60);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: web.roost.test\r\n\r\n";
const PARKED: &str = "roost_edge_parked_connections";

async fn node(configure: impl FnOnce(&mut EdgeConfig)) -> (Node, SocketAddr) {
    let metrics = free_address();
    let node = Node::configured([FakeMachine::of("web", says("hello")).started()], |config| {
        config.metrics = Some(metrics);
        config.self_signed = true;
        configure(config);
    });
    (node.await, metrics)
}

async fn encrypted(node: &Node) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(node.tls_address).await.unwrap();
    let name = ServerName::try_from("web.roost.test").unwrap();
    TlsConnector::from(Arc::new(trusting_anyone().0)).connect(name, stream).await.unwrap()
}

/// Reads answers until there are `count`, all of them good; the last one's head.
async fn answers(stream: &mut (impl AsyncRead + Unpin), count: usize) -> String {
    let mut read = Vec::new();
    let whole = async {
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if text.matches("\r\n\r\nhello").count() == count {
                assert_eq!(text.matches("HTTP/1.1 200 OK").count(), count, "{text}");
                return text;
            }
            assert!(stream.read_buf(&mut read).await.unwrap() > 0, "it ended after {text}");
        }
    };
    timeout(PATIENCE, whole).await.expect("an answer")
}

async fn ends(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("it ends").expect("in an orderly way");
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

async fn idles_and_is_used_again(
    node: &Node,
    metrics: SocketAddr,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) {
    // Nothing has come yet.
    node.metric(metrics, PARKED, 1).await;
    stream.write_all(REQUEST).await.unwrap();
    answers(&mut stream, 1).await;
    node.metric(metrics, PARKED, 1).await;
    // Two requests at once, and the beginning of a third.
    stream.write_all(&[REQUEST, REQUEST, &REQUEST[..3]].concat()).await.unwrap();
    answers(&mut stream, 2).await;
    sleep(Duration::from_secs(3)).await;
    node.metric(metrics, PARKED, 0).await;
    stream.write_all(&REQUEST[3..]).await.unwrap();
    answers(&mut stream, 1).await;
    node.metric(metrics, PARKED, 1).await;
    // One request in two pieces.
    stream.write_all(&REQUEST[..20]).await.unwrap();
    node.metric(metrics, PARKED, 0).await;
    stream.write_all(&REQUEST[20..]).await.unwrap();
    answers(&mut stream, 1).await;
    node.metric(metrics, PARKED, 1).await;
    drop(stream);
    node.metric(metrics, PARKED, 0).await;
    node.metric(metrics, "roost_edge_disconnects_count", 1).await;
    node.metric(metrics, "roost_edge_connects_count", 1).await;
}

#[tokio::test]
async fn a_connection_that_idled_is_used_again() {
    let (node, metrics) = node(|_| {}).await;
    let stream = TcpStream::connect(node.address).await.unwrap();
    idles_and_is_used_again(&node, metrics, stream).await;
}

#[tokio::test]
async fn so_is_one_in_tls() {
    let (node, metrics) = node(|_| {}).await;
    let stream = encrypted(&node).await;
    idles_and_is_used_again(&node, metrics, stream).await;
}

#[tokio::test]
async fn many_are_parked_and_woken_at_once() {
    const COUNT: usize = 600;
    let (node, metrics) = node(|_| {}).await;
    let mut streams = Vec::new();
    for _ in 0..COUNT {
        streams.push(TcpStream::connect(node.address).await.unwrap());
    }
    for _ in 0..2 {
        node.metric(metrics, PARKED, COUNT).await;
        for stream in &mut streams {
            stream.write_all(REQUEST).await.unwrap();
        }
        for stream in &mut streams {
            answers(stream, 1).await;
        }
    }
    drop(streams);
    node.metric(metrics, "roost_edge_disconnects_count", COUNT).await;
}

#[tokio::test]
async fn a_parked_connection_ends_when_its_time_is_over() {
    let (node, metrics) = node(|config| config.head_timeout = Duration::from_secs(4)).await;
    let (mut plain, mut tls) = (TcpStream::connect(node.address).await.unwrap(), encrypted(&node).await);
    node.metric(metrics, PARKED, 2).await;
    ends(&mut plain).await;
    ends(&mut tls).await;
    node.metric(metrics, PARKED, 0).await;
}

#[tokio::test]
async fn parked_connections_end_with_the_edge() {
    let (mut node, metrics) = node(|_| {}).await;
    let (mut plain, mut tls) = (TcpStream::connect(node.address).await.unwrap(), encrypted(&node).await);
    node.metric(metrics, PARKED, 2).await;
    node.shutdown.cancel();
    ends(&mut plain).await;
    ends(&mut tls).await;
    timeout(PATIENCE, &mut node.edge).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn in_a_handover_they_wait_for_one_more_request() {
    let handover = Handover::default();
    let (mut node, metrics) = node(|config| config.handover = handover.clone()).await;
    let (mut plain, mut tls) = (TcpStream::connect(node.address).await.unwrap(), encrypted(&node).await);
    node.metric(metrics, PARKED, 2).await;
    handover.begin(PATIENCE);
    node.shutdown.cancel();
    // It is busy with others for a while.
    sleep(Duration::from_secs(1)).await;
    plain.write_all(REQUEST).await.unwrap();
    tls.write_all(REQUEST).await.unwrap();
    assert!(answers(&mut plain, 1).await.contains("connection: close"));
    ends(&mut plain).await;
    assert!(answers(&mut tls, 1).await.contains("connection: close"));
    ends(&mut tls).await;
    timeout(PATIENCE, &mut node.edge).await.expect("it ends, now that nothing is open").unwrap();
}

//! Tunnels in which nothing moves.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::WebSocketUpgrade, routing::any};
use futures::{SinkExt as _, StreamExt as _};
use roost_catalog::{Change, PortHolder};
use roost_fake_host::FakeMachine;
use roost_model::service::Protocol;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    LONGER, PATIENCE, SHORT, in_flight, machine, node, node_of,
    support::{
        Node,
        ports::{self, free_port, opened},
        says,
        tls::trusting_anyone,
    },
    told,
};

/// Where the app listens in its machine.
const INSIDE: u16 = 19_331;

fn echo() -> Router {
    let echo = any(|upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket| async move {
            while let Some(Ok(message)) = socket.recv().await {
                let _ = socket.send(message).await;
            }
        })
    });
    Router::new().route("/", echo)
}

#[tokio::test]
async fn a_websocket_in_which_nothing_moves_is_closed() {
    let node = node(echo()).await;
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://web.roost.test/", stream).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    told(&node, "E409 ").await;
    in_flight(&node, 0).await;
    assert!(timeout(PATIENCE, socket.next()).await.expect("it ends").is_none_or(|last| last.is_err()));
}

/// A node whose app repeats what it reads on a port of its own, and the port.
async fn raw(mut port: Value) -> (Node, u16) {
    let public = free_port();
    port["port"] = public.into();
    let machine = FakeMachine::of("web", says("http"))
        .service("internal_port", INSIDE.into())
        .service("ports", json!([port]))
        .listens_after(Duration::from_secs(24 * 3600))
        .started();
    let node = node_of(machine, SHORT, 256).await;
    node.catalog.apply([Change::Port((Protocol::Tcp, public), PortHolder::App("web".parse().unwrap()))]);
    let machine = node.catalog.snapshot().machines().next().unwrap().ipv4;
    ports::echo(SocketAddr::new(machine.into(), INSIDE)).await;
    (node, public)
}

async fn is_closed_when_silent(node: &Node, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
    // TLS may miss its farewell.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("it ends");
    in_flight(node, 0).await;
    told(node, "E409 ").await;
}

#[tokio::test]
async fn a_raw_connection_on_which_nothing_moves_is_closed() {
    let (node, public) = raw(json!({})).await;
    is_closed_when_silent(&node, opened(public).await).await;
    let tls = json!({"handlers": ["tls"], "tls_options": {"default_self_signed": true}});
    drop(node);
    let (node, public) = raw(tls).await;
    let connector = TlsConnector::from(Arc::new(trusting_anyone().0));
    let name = ServerName::try_from("web.roost.test").unwrap();
    is_closed_when_silent(&node, connector.connect(name, opened(public).await).await.unwrap()).await;
}

#[tokio::test]
async fn an_app_says_how_long_its_tunnels_may_be_silent() {
    let patient = machine(echo(), json!({"idle_timeout": 60}));
    let node = node_of(patient, SHORT, 256).await;
    let stream = TcpStream::connect(node.address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://web.roost.test/", stream).await.unwrap();
    sleep(LONGER).await;
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
}

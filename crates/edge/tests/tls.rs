//! Names and their certificates: who is shown which, what is agreed on, and what clients are told who ask for
//! something else.

mod support;

use std::{io, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::HeaderMap};
use http::Request;
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use roost_catalog::{Challenge, Change, NameEntry};
use roost_fake_host::FakeMachine;
use roost_records::ChallengeKind;
use rustls::{
    ClientConfig, ProtocolVersion, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};
use serde_json::json;
use support::{
    Node, says,
    tls::{certify, trusting_anyone},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A client that trusts `roots` alone.
fn trusting(roots: &[CertificateDer<'static>]) -> ClientConfig {
    let mut store = RootCertStore::empty();
    roots.iter().for_each(|root| store.add(root.clone()).unwrap());
    ClientConfig::builder().with_root_certificates(store).with_no_client_auth()
}

async fn connect(node: &Node, name: &str, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(node.tls_address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The body of `GET /` over a connection.
async fn get(stream: TlsStream<TcpStream>, host: &str) -> String {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", host).body(Body::empty()).unwrap();
    let body = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// Connects as soon as the edge has taken a new certificate up.
async fn connect_soon(node: &Node, name: &str, config: &ClientConfig) -> TlsStream<TcpStream> {
    for _ in 0..1000 {
        match connect(node, name, config.clone()).await {
            Ok(stream) => return stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("no handshake for {name} succeeds");
}

fn what_it_saw() -> Router {
    Router::new().fallback(|headers: HeaderMap| async move {
        let value = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        format!("{} {}", value("x-forwarded-proto"), value("x-forwarded-ssl"))
    })
}

#[tokio::test]
async fn a_name_of_ones_own_and_names_under_a_wildcard_lead_to_their_apps() {
    let machines =
        [FakeMachine::of("web", says("web")).started(), FakeMachine::of("shop", what_it_saw()).started()];
    let node = Node::with(machines).await;
    let own = certify(&node, "www.example.com", Some("web")).await;
    let wild = certify(&node, "*.shop.example", Some("shop")).await;
    let platform = certify(&node, "*.roost.test", None).await;
    for (name, root, answer) in [
        ("www.example.com", &own, "web"),
        ("eu.shop.example", &wild, "https on"),
        ("web.roost.test", &platform, "web"),
    ] {
        let stream = connect_soon(&node, name, &trusting(std::slice::from_ref(root))).await;
        assert_eq!(get(stream, name).await, answer, "{name}");
    }
    let plain = node.request("web", "/").header("x-unused", "1").body(Body::empty()).unwrap();
    assert_eq!(node.send(plain).await.body, "web");
}

#[tokio::test]
async fn a_certificate_is_replaced_while_connections_go_on() {
    let node = Node::with([FakeMachine::of("web", says("web")).started()]).await;
    let first = certify(&node, "www.example.com", Some("web")).await;
    let open = connect_soon(&node, "www.example.com", &trusting(&[first])).await;
    let second = certify(&node, "www.example.com", Some("web")).await;
    connect_soon(&node, "www.example.com", &trusting(&[second])).await;
    assert_eq!(get(open, "www.example.com").await, "web");
}

#[tokio::test]
async fn old_and_new_versions_are_spoken_and_sessions_resumed() {
    let node = Node::with([FakeMachine::of("web", says("web")).started()]).await;
    let root = certify(&node, "www.example.com", Some("web")).await;
    connect_soon(&node, "www.example.com", &trusting(std::slice::from_ref(&root))).await;
    for (version, wire) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let mut store = RootCertStore::empty();
        store.add(root.clone()).unwrap();
        let config = ClientConfig::builder_with_protocol_versions(&[version]);
        let mut config = config.with_root_certificates(store).with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(8);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let stream = connect(&node, "www.example.com", config.clone()).await.unwrap();
            let session = stream.get_ref().1;
            assert_eq!(session.protocol_version(), Some(wire));
            assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
            kinds.push(session.handshake_kind().unwrap());
            // Tickets come with the first bytes.
            assert_eq!(get(stream, "www.example.com").await, "web");
        }
        assert_eq!(kinds[1], rustls::HandshakeKind::Resumed, "{wire:?}");
    }
}

#[tokio::test]
async fn who_asks_for_no_name_or_an_unknown_one_or_an_unknown_protocol_is_told_so() {
    let node = Node::with([FakeMachine::of("web", says("web")).started()]).await;
    let root = certify(&node, "www.example.com", Some("web")).await;
    connect_soon(&node, "www.example.com", &trusting(std::slice::from_ref(&root))).await;
    let alert = |result: io::Result<TlsStream<TcpStream>>| result.unwrap_err().to_string();
    let (config, _) = trusting_anyone();
    assert!(alert(connect(&node, "elsewhere.example", config.clone()).await).contains("UnrecognisedName"));
    // An address is no name: none is sent.
    assert!(alert(connect(&node, "127.0.0.1", config).await).contains("MissingExtension"));
    let mut config = trusting(std::slice::from_ref(&root));
    config.alpn_protocols = vec![b"gopher".to_vec()];
    assert!(alert(connect(&node, "www.example.com", config).await).contains("NoApplicationProtocol"));
}

#[tokio::test]
async fn who_speaks_an_old_version_or_no_tls_at_all_is_told_so() {
    let only_new = json!([{
        "port": 443, "handlers": ["tls", "http"],
        "tls_options": { "default_self_signed": true, "versions": ["TLSv1.3"] },
    }]);
    let node = Node::with([FakeMachine::of("web", says("web")).started().service("ports", only_new)]).await;
    let (config, _) = trusting_anyone();
    connect_soon(&node, "web.roost.test", &config).await;
    let mut only_old = ClientConfig::builder_with_protocol_versions(&[&TLS12])
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    only_old.alpn_protocols = vec![b"http/1.1".to_vec()];
    let refused = connect(&node, "web.roost.test", only_old).await.unwrap_err().to_string();
    assert!(refused.contains("ProtocolVersion"), "{refused}");
    // A client that knows no more than TLS 1.1, and one that knows none.
    const ALERT: u8 = 21;
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    let answer = raw(&node, &hello_of_tls_1_1("web.roost.test")).await;
    assert!(matches!(answer[..], [ALERT, .., HANDSHAKE_FAILURE | PROTOCOL_VERSION]), "{answer:?}");
    let answer = raw(&node, b"GET / HTTP/1.1\r\nhost: web.roost.test\r\n\r\n").await;
    assert!(answer.is_empty() || answer[0] == ALERT, "{answer:?}");
}

#[tokio::test]
async fn the_host_of_a_request_counts_and_not_the_name_of_the_handshake() {
    let machines =
        [FakeMachine::of("web", says("web")).started(), FakeMachine::of("shop", says("shop")).started()];
    let node = Node::configured(machines, |config| config.self_signed = true).await;
    let (mut config, _) = trusting_anyone();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = connect_soon(&node, "web.roost.test", &config).await;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for (host, status, code, body) in [
        ("web.roost.test", 200, None, "web"),
        ("shop.roost.test", 200, None, "shop"),
        ("nobody.roost.test", 404, Some("E101"), "E101 "),
        ("elsewhere.example", 404, Some("E101"), "E101 "),
    ] {
        let request = Request::get(format!("https://{host}/")).body(Body::empty()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let seen = (answer.status().as_u16(), answer.headers().get("roost-error").cloned());
        assert_eq!((seen.0, seen.1.as_ref().map(|code| code.to_str().unwrap())), (status, code), "{host}");
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(text.starts_with(body.as_bytes()), "{host}: {text:?}");
    }
}

/// All that the TLS port answers to these bytes.
async fn raw(node: &Node, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(node.tls_address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer)).await;
    let _ = ended.expect("the edge ends the connection");
    answer
}

/// The first message of a client (RFC 4346, section 7.4.1.2), which asks for `name` (RFC 6066, section 3).
fn hello_of_tls_1_1(name: &str) -> Vec<u8> {
    const AES_128_CBC_SHA: [u8; 2] = [0x00, 0x2f];
    let behind_length = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let names = behind_length(&[&[0][..], &behind_length(name.as_bytes())].concat());
    let extensions = behind_length(&[&[0, 0][..], &behind_length(&names)].concat());
    let suites = behind_length(&AES_128_CBC_SHA);
    let body = [&[3, 2][..], &[7; 32], &[0], &suites, &[1, 0], &extensions].concat();
    let handshake = [&[1, 0][..], &behind_length(&body)].concat();
    [&[22, 3, 1][..], &behind_length(&handshake)].concat()
}

#[tokio::test]
async fn a_self_signed_certificate_is_there_for_apps_that_ask_and_for_no_others() {
    let asks = json!([{
        "port": 443, "handlers": ["tls", "http"],
        "tls_options": { "default_self_signed": true, "versions": ["TLSv1.2"] },
    }]);
    let machines = [
        FakeMachine::of("asks", says("asks")).started().service("ports", asks),
        FakeMachine::of("web", says("web")).started(),
    ];
    let node = Node::with(machines).await;
    let (config, _) = trusting_anyone();
    let stream = connect(&node, "asks.roost.test", config.clone()).await.unwrap();
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(get(stream, "asks.roost.test").await, "asks");
    assert!(connect(&node, "web.roost.test", config).await.is_err());
}

#[tokio::test]
async fn a_service_that_forces_https_sends_clients_there_and_no_other_does() {
    let forced = json!([
        { "port": 80, "handlers": ["http"], "force_https": true },
        { "port": 443, "handlers": ["tls", "http"] },
    ]);
    let machines = [
        FakeMachine::of("forced", says("forced")).started().service("ports", forced),
        FakeMachine::of("web", says("web")).started(),
    ];
    let node = Node::with(machines).await;
    assert_eq!(node.get("forced", "/").await.body, "forced", "there is no certificate yet");
    let root = certify(&node, "*.roost.test", None).await;
    let trusting = trusting(&[root]);
    connect_soon(&node, "forced.roost.test", &trusting).await;
    let answer = node.get("forced", "/a?b=c").await;
    let place = format!("https://forced.roost.test:{}/a?b=c", node.tls_address.port());
    assert_eq!((answer.status.as_u16(), answer.headers["location"].to_str().unwrap()), (301, &*place));
    let post = Request::post(format!("http://{}/a", node.address)).header("host", "forced.roost.test");
    assert_eq!(node.send(post.body(Body::empty()).unwrap()).await.status, 308);
    assert_eq!(node.get("web", "/").await.body, "web");
    let stream = connect(&node, "forced.roost.test", trusting).await.unwrap();
    assert_eq!(get(stream, "forced.roost.test").await, "forced");
}

#[tokio::test]
async fn an_authority_that_checks_a_name_is_answered() {
    let node = Node::with([FakeMachine::of("web", says("the app")).started()]).await;
    let challenge = |kind| Challenge {
        kind,
        token: "token".to_owned(),
        key_authorization: "token.fingerprint".to_owned(),
    };
    let name = || "www.example.com".to_owned();
    let app = Some("web".parse().unwrap());
    let entry = NameEntry { hostname: name(), app, certificate: None };
    node.catalog.apply([Change::Name(entry), Change::Challenge(name(), challenge(ChallengeKind::Http))]);
    let ask = |path: &str| {
        let uri = format!("http://{}/.well-known/acme-challenge/{path}", node.address);
        node.send(Request::get(uri).header("host", "www.example.com").body(Body::empty()).unwrap())
    };
    assert_eq!(ask("token").await.body, "token.fingerprint");
    assert_eq!(ask("other").await.body, "the app");

    node.catalog.apply([Change::Challenge(name(), challenge(ChallengeKind::TlsAlpn))]);
    assert_eq!(ask("token").await.body, "the app");
    let (mut config, shown) = trusting_anyone();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let stream = connect(&node, "www.example.com", config.clone()).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    let proof = ::ring::digest::digest(&::ring::digest::SHA256, b"token.fingerprint");
    let shown = shown.0.lock().unwrap().clone();
    assert!(shown.windows(32).any(|window| window == proof.as_ref()), "the certificate carries the proof");
    assert!(connect(&node, "other.example.com", config).await.is_err());
}

#[tokio::test]
async fn a_client_that_begins_too_much_is_cut_off() {
    let node = Node::configured([FakeMachine::of("web", says("web")).started()], |config| {
        config.self_signed = true;
        config.client_limits.handshakes = 3;
        config.client_limits.connections = 4;
    })
    .await;
    let (config, _) = trusting_anyone();
    let begun = Timestamp::now();
    let mut served = 0;
    for _ in 0..20 {
        served += u32::from(connect(&node, "web.roost.test", config.clone()).await.is_ok());
    }
    // Three at once, and one more for each three seconds that a slow machine takes.
    let back = (Timestamp::now().duration_since(begun).as_secs() as u32).div_ceil(3);
    assert!((3..=3 + back).contains(&served), "{served} handshakes of 20");

    let held: Vec<TcpStream> =
        futures::future::join_all((0..8).map(|_| async { TcpStream::connect(node.address).await.unwrap() }))
            .await;
    let mut cut = 0;
    for mut stream in held {
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: web.roost.test\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        cut += u32::from(stream.read_to_end(&mut answer).await.is_err() || answer.is_empty());
    }
    assert!(cut >= 1, "eight connections at once, and all were served");
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_connection_it_is() {
    let app = Router::new()
        .fallback(|headers: HeaderMap| async move { headers["fly-client-ip"].to_str().unwrap().to_owned() });
    let node = Node::configured([FakeMachine::of("web", app).started()], |config| {
        config.proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let ask = |header: &'static str| async move {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        let request = format!("{header}GET / HTTP/1.1\r\nhost: web.roost.test\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    };
    assert!(ask("PROXY TCP4 192.0.2.7 203.0.113.1 50000 80\r\n").await.ends_with("192.0.2.7"));
}

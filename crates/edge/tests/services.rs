//! Services that are not HTTP: which connection reaches which machine, in what wrapping, and what is counted.

mod support;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use roost_catalog::{Change, PortHolder};
use roost_fake_host::FakeMachine;
use roost_model::{MachineId, MachineState, service::Protocol};
use serde_json::{Value, json};
use support::{
    Node,
    ports::{free_port, opened},
    says,
    tls::trusting_anyone,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

const PATIENCE: Duration = Duration::from_secs(60);

/// Where the apps of these tests listen in their machines.
const INSIDE: u16 = 19_321;

/// The fake machine's own app stays away: the tests' servers take its place.
const NEVER: Duration = Duration::from_secs(24 * 3600);

/// A node with one machine of `app`, whose public port has these properties.
async fn node(app: &str, protocol: &str, public: u16, mut port: Value) -> (Node, MachineId) {
    port["port"] = public.into();
    let machine = FakeMachine::of(app, says("http"))
        .service("protocol", protocol.into())
        .service("internal_port", INSIDE.into())
        .service("ports", json!([port]))
        .listens_after(NEVER);
    let node = Node::configured([machine.started()], |config| {
        config.services_address = Ipv4Addr::LOCALHOST.into();
    })
    .await;
    let protocol = if protocol == "udp" { Protocol::Udp } else { Protocol::Tcp };
    let holder = PortHolder::App(app.parse().unwrap());
    node.catalog.apply([Change::Port((protocol, public), holder)]);
    let id = node.catalog.snapshot().machines().next().unwrap().id.clone();
    (node, id)
}

fn inside(node: &Node, id: &MachineId) -> SocketAddr {
    SocketAddr::new(node.host.machine(id).unwrap().ipv4.into(), INSIDE)
}

/// Repeats what it reads, in capitals, until the end.
async fn echo(address: SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    buffer[..length].make_ascii_uppercase();
                    let _ = stream.write_all(&buffer[..length]).await;
                }
            });
        }
    });
}

async fn closed(public: u16) {
    let gone = async {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, public)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the port closes")
}

async fn says_hello(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) {
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HELLO");
}

#[tokio::test]
async fn a_raw_connection_wakes_its_machine_and_is_counted_until_it_ends() {
    let public = free_port();
    let (node, id) = node("db", "tcp", public, json!({})).await;
    node.host.client().stop(&id, &Default::default()).await.unwrap();
    node.reaches(&id, MachineState::Stopped, PATIENCE).await;
    echo(inside(&node, &id)).await;
    let mut stream = opened(public).await;
    says_hello(&mut stream).await;
    let load = || {
        let snapshot = node.catalog.snapshot();
        snapshot.app(&"db".parse().unwrap()).unwrap().target(&id).unwrap().load.in_flight()
    };
    assert_eq!((node.host.starts(), load()), (1, 1));
    // One half closes; the other still speaks.
    stream.write_all(b"bye").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, b"BYE");
    let left = async {
        while load() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, left).await.expect("the place is given back");
}

#[tokio::test]
async fn a_port_opens_with_its_service_and_closes_with_it() {
    let public = free_port();
    let (node, id) = node("db", "tcp", public, json!({})).await;
    echo(inside(&node, &id)).await;
    let mut held = opened(public).await;
    says_hello(&mut held).await;
    node.host.forget(&id);
    closed(public).await;
    says_hello(held).await;
}

#[tokio::test]
async fn connections_over_the_hard_limit_wait_for_room() {
    let public = free_port();
    let (node, id) = node("db", "tcp", public, json!({})).await;
    node.host.change(&id, |machine| {
        machine.config.services[0].concurrency =
            serde_json::from_value(json!({ "type": "connections", "hard_limit": 1 })).unwrap();
    });
    node.catalog.wait_for(|s| s.machines().any(|m| m.routes[0].limits.hard.is_some()).then_some(())).await;
    echo(inside(&node, &id)).await;
    let mut first = opened(public).await;
    says_hello(&mut first).await;
    let mut second = opened(public).await;
    second.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    assert!(timeout(Duration::from_millis(300), second.read_exact(&mut answer)).await.is_err());
    drop(first);
    timeout(PATIENCE, second.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HELLO");
}

#[tokio::test]
async fn an_app_says_whose_connections_it_takes() {
    let public = free_port();
    for (list, served) in [("allow_from", true), ("deny_from", false)] {
        let machine = FakeMachine::of("db", says("http"))
            .started()
            .service("ports", json!([{ "port": public }, { "port": 80, "handlers": ["http"] }]))
            .service(list, json!(["127.0.0.0/8"]));
        let node = Node::configured([machine], |config| {
            config.services_address = Ipv4Addr::LOCALHOST.into();
        })
        .await;
        node.catalog.apply([Change::Port((Protocol::Tcp, public), PortHolder::App("db".parse().unwrap()))]);
        let code = node.get("db", "/").await.code().map(str::to_owned);
        assert_eq!(code.as_deref(), (!served).then_some("E112"), "{list}");
        let mut stream = opened(public).await;
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: db\r\nconnection: close\r\n\r\n").await;
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        assert_eq!(answer.ends_with(b"http"), served, "{list}");
        drop(node);
        closed(public).await;
    }
}

#[tokio::test]
async fn tls_is_taken_off_before_the_machine() {
    let public = free_port();
    let options = json!({
        "handlers": ["tls"],
        "tls_options": { "default_self_signed": true, "alpn": ["mqtt"] },
    });
    let (node, id) = node("broker", "tcp", public, options).await;
    echo(inside(&node, &id)).await;
    let (mut config, _) = trusting_anyone();
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    // An address is no name: none is sent, and the port alone says which app is meant.
    for name in ["broker.roost.test", "127.0.0.1"] {
        let connector = TlsConnector::from(Arc::new(config.clone()));
        let stream =
            connector.connect(ServerName::try_from(name).unwrap(), opened(public).await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"mqtt"[..]));
        says_hello(stream).await;
    }
}

#[tokio::test]
async fn a_shared_port_tells_apps_apart_by_the_name_in_the_handshake() {
    let public = free_port();
    let port =
        json!([{ "port": public, "handlers": ["tls"], "tls_options": { "default_self_signed": true } }]);
    let machine = |app: &str, inside: u16| {
        FakeMachine::of(app, Router::new())
            .started()
            .service("internal_port", inside.into())
            .service("ports", port.clone())
            .listens_after(NEVER)
    };
    let node = Node::configured([machine("one", 19_322), machine("two", 19_323)], |config| {
        config.services_address = Ipv4Addr::LOCALHOST.into();
    })
    .await;
    node.catalog.apply([Change::Port((Protocol::Tcp, public), PortHolder::Shared)]);
    for machine in node.catalog.snapshot().machines() {
        let (address, app) = (IpAddr::from(machine.ipv4), machine.app.to_string());
        let inside = machine.routes[0].internal_port;
        let listener = TcpListener::bind((address, inside)).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(app.as_bytes()).await;
            }
        });
    }
    for app in ["one", "two"] {
        let connector = TlsConnector::from(Arc::new(trusting_anyone().0));
        let name = ServerName::try_from(format!("{app}.roost.test")).unwrap();
        let mut stream = connector.connect(name, opened(public).await).await.unwrap();
        let mut said = [0; 3];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, app.as_bytes());
    }
}

#[tokio::test]
async fn postgres_clients_are_led_into_tls_and_refused_without() {
    let public = free_port();
    let options = json!({ "handlers": ["pg_tls"], "tls_options": { "default_self_signed": true } });
    let (node, id) = node("db", "tcp", public, options).await;
    echo(inside(&node, &id)).await;
    let mut stream = opened(public).await;
    // A client that would like GSS first.
    for (request, answer) in [(80_877_104_u32, b'N'), (80_877_103, b'S')] {
        stream.write_all(&[8_u32.to_be_bytes(), request.to_be_bytes()].concat()).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), answer);
    }
    let connector = TlsConnector::from(Arc::new(trusting_anyone().0));
    let name = ServerName::try_from("db.roost.test").unwrap();
    says_hello(connector.connect(name, stream).await.unwrap()).await;

    let mut open = opened(public).await;
    open.write_all(&[8_u32.to_be_bytes(), 196_608_u32.to_be_bytes()].concat()).await.unwrap();
    let mut refused = Vec::new();
    open.read_to_end(&mut refused).await.unwrap();
    assert!(refused.starts_with(b"E") && String::from_utf8_lossy(&refused).contains("sslmode=require"));
}

/// As much of a Postgres server as a client needs that asks one question: everybody is let in, every query
/// answers with one row.
async fn postgres(address: SocketAddr) {
    async fn session(mut stream: TcpStream) -> std::io::Result<()> {
        let length = stream.read_u32().await? as usize;
        stream.read_exact(&mut vec![0; length - 4]).await?;
        stream.write_all(b"R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\x0015.0\0Z\0\0\0\x05I").await?;
        loop {
            let kind = stream.read_u8().await?;
            let length = stream.read_u32().await? as usize;
            stream.read_exact(&mut vec![0; length - 4]).await?;
            if kind != b'Q' {
                return Ok(());
            }
            // One column of text, one row, the end, and ready for more.
            stream
                .write_all(b"T\0\0\0\x1d\0\x01said\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0")
                .await?;
            stream.write_all(b"D\0\0\0\x0f\0\x01\0\0\0\x05helloC\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I").await?;
        }
    }
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(session(stream));
        }
    });
}

#[tokio::test]
async fn psql_goes_through_pg_tls() {
    let public = free_port();
    let options = json!({ "handlers": ["pg_tls"], "tls_options": { "default_self_signed": true } });
    let (node, id) = node("db", "tcp", public, options).await;
    postgres(inside(&node, &id)).await;
    drop(opened(public).await);
    let psql = |mode: &str| {
        let target =
            format!("host=127.0.0.1 port={public} user=u dbname=d connect_timeout=30 sslmode={mode}");
        let mut psql = tokio::process::Command::new("psql");
        psql.args([&target, "--no-psqlrc", "--tuples-only", "--no-align", "--command", "select"]).output()
    };
    let answer = psql("require").await.expect("run psql: script/setup installs it");
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "hello", "{answer:?}");
    let refused = psql("disable").await.unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("this port speaks TLS only"), "{refused:?}");
}

#[tokio::test]
async fn datagrams_go_there_and_back_and_wake() {
    let public = free_port();
    let (node, id) = node("game", "udp", public, json!({})).await;
    node.host.client().stop(&id, &Default::default()).await.unwrap();
    node.reaches(&id, MachineState::Stopped, PATIENCE).await;
    let server = UdpSocket::bind(inside(&node, &id)).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = server.recv_from(&mut buffer).await {
            buffer[..length].make_ascii_uppercase();
            let _ = server.send_to(&buffer[..length], from).await;
        }
    });
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect((Ipv4Addr::LOCALHOST, public)).await.unwrap();
    let mut buffer = [0; 2048];
    let answered = async {
        // Nobody promises that the first one arrives: the port may not be open yet.
        loop {
            let _ = client.send(b"ping").await;
            if let Ok(Ok(length)) = timeout(Duration::from_millis(200), client.recv(&mut buffer)).await {
                return buffer[..length].to_vec();
            }
        }
    };
    assert_eq!(timeout(PATIENCE, answered).await.expect("an answer"), b"PING");
    assert_eq!(node.host.starts(), 1);
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    other.connect((Ipv4Addr::LOCALHOST, public)).await.unwrap();
    other.send(b"another").await.unwrap();
    let length = timeout(PATIENCE, other.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..length], b"ANOTHER");
}

/// nginx, which says whose connection it was told of.
struct Nginx {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Nginx {
    fn start(address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "daemon off; master_process off; pid {0}/pid; error_log {0}/error;\n\
             events {{}}\n\
             http {{ access_log off; client_body_temp_path {0}; proxy_temp_path {0}; fastcgi_temp_path {0};\n\
             uwsgi_temp_path {0}; scgi_temp_path {0};\n\
             server {{ listen {address} proxy_protocol; return 200 \"$proxy_protocol_addr\"; }} }}\n",
            folder.path().display()
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("run nginx: script/setup installs it");
        Self { child, _folder: folder }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_machine_is_told_whose_connection_it_is() {
    for version in ["v1", "v2"] {
        let public = free_port();
        let options = json!({ "handlers": ["proxy_proto"], "proxy_proto_options": { "version": version } });
        let (node, id) = node("web", "tcp", public, options).await;
        let _nginx = Nginx::start(inside(&node, &id));
        let mut stream = opened(public).await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.ends_with("127.0.0.1"), "{version}: {answer}");
    }
}

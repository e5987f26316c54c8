//! Apps' addresses on private networks: who reaches what at them. The host's rules are played by nft's own words, for
//! connections that begin in this namespace.

mod support;

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::{Command, Stdio},
    time::Duration,
};

use axum::{Router, http::HeaderMap};
use nix::sched::{CloneFlags, unshare};
use roost_catalog::{Change, PortHolder};
use roost_edge::{EdgeConfig, Listener, ListenerKind, Sockets};
use roost_fake_host::FakeMachine;
use roost_model::{
    AppName, MachineAddress, NetworkId,
    addr::{self, AppAddress},
    service::Protocol,
};
use serde_json::json;
use support::Node;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Leads every network's machines to every network's apps: that they do not mix is looked at by the edge.
const RULES: &str = "table inet played {
  chain apps {
    type nat hook output priority -100;
    ip6 daddr & ffff:0:0:ffff:ffff:: == fdaa:: ip6 daddr != fdaa::3 meta l4proto tcp dnat ip6 to [fdaa::3]:4282
  }
}";

/// Runs `test` in a network namespace of its own, which needs root.
fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace: run the tests as root");
        run("ip", "link set lo up", "");
        run("ip", "-6 addr add fdaa::3/128 dev lo nodad", "");
        run("ip", "-6 route add fdaa::/16 dev lo", "");
        run("nft", "-f -", RULES);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn run(program: &str, arguments: &str, input: &str) {
    let mut command = Command::new(program);
    let mut child = command.args(arguments.split(' ')).stdin(Stdio::piped()).spawn().expect(program);
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{program} {arguments}");
}

/// A node whose edge takes connections from inside.
async fn node(machine: FakeMachine, configure: impl FnOnce(&mut EdgeConfig)) -> Node {
    let address = SocketAddr::from((addr::DNS, addr::APPS_PORT));
    let socket = Sockets::default().tcp(address).await.unwrap();
    let inside = Listener { socket, public_port: addr::APPS_PORT, kind: ListenerKind::Inside };
    Node::listening([machine], configure, Some(inside)).await
}

fn shop() -> AppName {
    "shop".parse().unwrap()
}

/// The shop's address on a network.
fn shop_on(network: u32) -> Ipv6Addr {
    AppAddress { network: NetworkId(network), app: 5 }.ip()
}

/// The address of a client in a machine.
fn client_on(network: u32) -> Ipv6Addr {
    let ip = MachineAddress { network: NetworkId(network), host: 1, machine: 77 }.ip();
    let _ =
        Command::new("ip").args(["-6", "addr", "add", &format!("{ip}/128"), "dev", "lo", "nodad"]).output();
    ip
}

async fn connect(from: Ipv6Addr, to: Ipv6Addr, port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v6()?;
    socket.bind((from, 0).into())?;
    timeout(PATIENCE, socket.connect((to, port).into())).await.expect("an end of the wait")
}

/// What comes back to `words`, until the end.
async fn ask(from: Ipv6Addr, to: Ipv6Addr, port: u16, words: &str) -> std::io::Result<String> {
    let mut stream = connect(from, to, port).await?;
    stream.write_all(words.as_bytes()).await?;
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.expect("an end of the answer")?;
    Ok(answer)
}

const GET: &str = "GET / HTTP/1.1\r\nHost: shop.flycast\r\nConnection: close\r\n\r\n";

/// Reset, rather than answered.
async fn is_reset(from: Ipv6Addr, to: Ipv6Addr, port: u16) -> bool {
    match ask(from, to, port, GET).await {
        Err(error) => matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        Ok(answer) => panic!("answered: {answer}"),
    }
}

#[test]
fn a_machine_wakes_an_app_at_its_address_and_is_told_of() {
    in_namespace(|| async {
        let tells = Router::new().fallback(async |headers: HeaderMap| format!("{headers:?}"));
        let machine = FakeMachine::of("shop", tells).network(2).service(
            "ports",
            json!([{ "port": 80, "handlers": ["http"], "force_https": true }, { "port": 8000, "handlers": ["http"] }]),
        );
        // A trusted proxy's header is expected of nobody inside.
        let node = node(machine, |config| config.proxies = vec!["::/0".parse().unwrap()]).await;
        node.catalog.apply([Change::Address(shop(), shop_on(1).into())]);
        let client = client_on(1);
        for port in [80, 8000] {
            let answer = ask(client, shop_on(1), port, GET).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "not sent elsewhere: {answer}");
            let says = [
                format!("\"fly-client-ip\": \"{client}\""),
                format!("\"x-forwarded-for\": \"{client}, {}\"", shop_on(1)),
                format!("\"fly-forwarded-port\": \"{port}\""),
                "\"x-forwarded-proto\": \"http\"".to_owned(),
                "\"host\": \"shop.flycast\"".to_owned(),
            ];
            says.iter().for_each(|line| assert!(answer.contains(line), "{line} in {answer}"));
        }
        assert_eq!(node.host.starts(), 1);
    });
}

#[test]
fn bytes_go_to_the_machine_with_the_addresses_of_the_network() {
    in_namespace(|| async {
        let ports = json!([{ "start_port": 5432, "end_port": 5440, "handlers": ["proxy_proto"] }]);
        let machine = FakeMachine::of("shop", Router::new())
            .service("internal_port", 19_421.into())
            .service("ports", ports)
            .served_by_others();
        let node = node(machine, |_| {}).await;
        node.catalog.apply([Change::Address(shop(), shop_on(1).into())]);
        let ipv4 = node.host.machine(&node.catalog.snapshot().machines().next().unwrap().id).unwrap().ipv4;
        let server = TcpListener::bind((ipv4, 19_421)).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                let mut heard = vec![0; 1024];
                let length = stream.read(&mut heard).await.unwrap();
                let _ = stream.write_all(&heard[..length]).await;
            }
        });
        let client = client_on(1);
        let heard = ask(client, shop_on(1), 5439, "").await.unwrap();
        assert!(heard.starts_with(&format!("PROXY TCP6 {client} {} ", shop_on(1))), "{heard}");
        assert!(heard.ends_with(" 5439\r\n"), "{heard}");
    });
}

#[test]
fn who_has_no_business_there_is_reset() {
    in_namespace(|| async {
        let node = node(FakeMachine::of("shop", support::says("hello")), |_| {}).await;
        let (mine, other) = (client_on(1), client_on(2));
        assert!(is_reset(mine, shop_on(1), 80).await, "nobody has the address yet");
        let addresses = [shop_on(1).into(), IpAddr::from([192, 0, 2, 1])];
        node.catalog.apply(addresses.map(|ip| Change::Address(shop(), ip)));
        assert!(ask(mine, shop_on(1), 80, GET).await.unwrap().ends_with("hello"));
        assert!(is_reset(other, shop_on(1), 80).await, "a network is closed to others");
        assert!(is_reset(mine, shop_on(2), 80).await, "and so is its address");
        assert!(is_reset(Ipv6Addr::LOCALHOST, shop_on(1), 80).await, "the box is no machine");
        assert!(is_reset(mine, shop_on(1), 81).await, "there is no service");
        assert!(is_reset(mine, addr::DNS, addr::APPS_PORT).await, "it is no address of an app");
        node.catalog.apply([Change::AddressReleased(shop(), shop_on(1).into())]);
        assert!(is_reset(mine, shop_on(1), 80).await, "the address was released");
    });
}

#[test]
fn an_app_with_private_addresses_only_is_not_served_in_public() {
    in_namespace(|| async {
        let ports = json!([{ "port": 80, "handlers": ["http"] }, { "port": 7000, "handlers": ["http"] }]);
        let machine = FakeMachine::of("shop", support::says("hello")).service("ports", ports);
        let node = node(machine, |config| config.services_address = Ipv4Addr::LOCALHOST.into()).await;
        node.catalog.apply([Change::Port((Protocol::Tcp, 7000), PortHolder::App(shop()))]);
        opens_or_closes(Opens::Yes).await;
        node.catalog.apply([Change::Address(shop(), shop_on(1).into())]);
        let answer = node.get("shop", "/").await;
        assert_eq!(answer.code(), Some("E101"));
        opens_or_closes(Opens::No).await;
        assert_eq!(node.host.starts(), 0);
        assert!(ask(client_on(1), shop_on(1), 80, GET).await.unwrap().ends_with("hello"));
        node.catalog.apply([Change::Address(shop(), [192, 0, 2, 1].into())]);
        assert_eq!(node.get("shop", "/").await.body, "hello");
        opens_or_closes(Opens::Yes).await;
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Opens {
    Yes,
    No,
}

/// Waits until the app's public port is so.
async fn opens_or_closes(wanted: Opens) {
    let reached = async {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, 7000)).await.is_ok() != (wanted == Opens::Yes) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, reached).await.expect("the public port opens or closes");
}

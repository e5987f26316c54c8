//! A DNS server in a network namespace of its own, asked from the addresses of machines.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    process::Command,
    time::Duration,
};

use axum::Router;
use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RData, RecordType},
};
use nix::sched::{CloneFlags, unshare};
use roost_catalog::{AppRecord, Catalog, CatalogConfig, Change};
use roost_dns::{DnsConfig, serve};
use roost_fake_host::{FakeHost, FakeMachine};
use roost_model::{MachineId, NetworkId, addr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// The server and the machines it knows.
pub struct Dns {
    pub host: FakeHost,
    pub catalog: Catalog,
    shutdown: CancellationToken,
}

/// Runs `test` in a fresh network namespace, which needs root.
pub fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace: run the tests as root");
        ip(&["link", "set", "lo", "up"]);
        ip(&["-6", "addr", "add", &format!("{}/128", addr::DNS), "dev", "lo", "nodad"]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().expect("the program ip: install iproute2");
    assert!(status.success(), "ip {arguments:?} failed");
}

pub fn machine(app: &str) -> FakeMachine {
    FakeMachine::of(app, Router::new())
}

impl Dns {
    /// Started machines get their addresses on the loopback interface, so that they can ask.
    pub async fn with(machines: impl IntoIterator<Item = FakeMachine>, upstreams: Vec<SocketAddr>) -> Self {
        let host = FakeHost::start().await;
        let ids: Vec<MachineId> = machines.into_iter().map(|machine| host.add(machine)).collect();
        let catalog = Catalog::open(CatalogConfig::default());
        catalog.apply([Change::App(AppRecord {
            name: "asleep".parse().unwrap(),
            org: "personal".into(),
            network: NetworkId(1),
            in_default_network: true,
        })]);
        let shutdown = CancellationToken::new();
        let following = catalog.clone();
        let (client, stop) = (host.client(), shutdown.clone());
        tokio::spawn(async move { following.follow_host(client, stop).await });
        catalog.wait_for(|s| (s.machines().count() == ids.len()).then_some(())).await;
        for id in &ids {
            let address = host.machine(id).unwrap().private_ip;
            ip(&["-6", "addr", "add", &format!("{address}/128"), "dev", "lo", "nodad"]);
        }
        let config = DnsConfig { upstreams, resolv_conf: "/nonexistent".into(), ..DnsConfig::default() };
        let serving = serve(config, catalog.clone(), shutdown.clone());
        tokio::spawn(async move { serving.await.unwrap() });
        tokio::task::yield_now().await;
        Self { host, catalog, shutdown }
    }

    /// The machine's own address.
    pub fn address(&self, id: &MachineId) -> Ipv6Addr {
        self.host.machine(id).unwrap().private_ip
    }

    pub fn machines_of(&self, app: &str) -> Vec<MachineId> {
        let snapshot = self.catalog.snapshot();
        let app = snapshot.app(&app.parse().unwrap()).unwrap();
        app.machines.iter().map(|m| m.id.clone()).collect()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

/// Asks over UDP, as the machine at `from`.
pub async fn ask(from: impl Into<IpAddr>, message: &Message) -> Message {
    let socket = UdpSocket::bind((from.into(), 0)).await.unwrap();
    socket.send_to(&message.to_vec().unwrap(), (addr::DNS, 53)).await.unwrap();
    let mut buffer = [0; 4096];
    let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("an answer").unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

/// Asks over TCP, as the machine at `from`.
pub async fn ask_tcp(from: Ipv6Addr, message: &Message) -> Message {
    let socket = tokio::net::TcpSocket::new_v6().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream: TcpStream = socket.connect((addr::DNS, 53).into()).await.unwrap();
    let bytes = message.to_vec().unwrap();
    stream.write_u16(bytes.len() as u16).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
    stream.read_exact(&mut answer).await.unwrap();
    Message::from_vec(&answer).unwrap()
}

pub fn addresses(message: &Message) -> Vec<Ipv6Addr> {
    let mut found: Vec<Ipv6Addr> = message
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::AAAA(ip) => Some(ip.0),
            _ => None,
        })
        .collect();
    found.sort();
    found
}

pub fn text(message: &Message) -> String {
    message.answers.iter().map(|record| record.data.to_string()).collect()
}

//! A laboratory: a host in a network namespace of its own, machines in theirs, and a world outside.
//!
//! ```text
//!   world 10.9.0.2 ── veth ── 10.9.0.1 host ── links made by HostNet ── machines
//! ```

mod namespace;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

pub use namespace::Namespace;
use roost_model::{MachineAddress, MachineId, NetworkId};
use roost_netdev::{GATEWAY_V4, GATEWAY_V6, HostNet, HostNetConfig, Link, LinkKind, MachineNet};

/// Long enough for a connection on this machine, short enough to wait for one that must not come.
const PATIENCE: Duration = Duration::from_millis(700);

/// For what must come.
const ARRIVAL: Duration = Duration::from_secs(60);

pub const HOST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
pub const WORLD: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
/// Where clouds keep their secrets; the world has it.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// An address of the world that the tests' configuration denies.
pub const DENIED: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

pub struct Lab {
    pub net: HostNet,
    pub world: Namespace,
    pub config: HostNetConfig,
    next: AtomicU32,
}

/// A machine whose part is played by a network namespace.
pub struct Machine {
    pub net: MachineNet,
    pub namespace: Namespace,
}

/// Runs a test in a new network namespace, on a thread of its own.
pub fn in_lab(test: impl AsyncFnOnce(Lab) + Send + 'static) {
    assert!(nix::unistd::geteuid().is_root(), "these tests make network namespaces: run them as root");
    let body = || {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { test(Lab::new().await).await });
    };
    if let Err(panic) = thread::spawn(body).join() {
        std::panic::resume_unwind(panic);
    }
}

impl Lab {
    async fn new() -> Self {
        static LABS: AtomicU32 = AtomicU32::new(0);
        let number = LABS.fetch_add(1, Ordering::Relaxed);
        // Namespaces have names that the whole machine sees.
        let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
        let config = HostNetConfig {
            iface_prefix: format!("t{}{}", letter(std::process::id()), letter(number)),
            egress_deny: vec!["10.77.0.0/16".parse().unwrap()],
            ..HostNetConfig::default()
        };
        let world = Namespace::create(&format!("world-{}-{number}", std::process::id()));
        ip("link add out type veth peer name in");
        ip(&format!("link set in netns {}", world.name));
        ip(&format!("addr add {HOST}/24 dev out"));
        ip("addr add 2001:db8::1/64 dev out nodad");
        ip("link set out up");
        ip("route add 10.77.0.0/16 via 10.9.0.2");
        ip(&format!("route add {METADATA} dev out"));
        for address in [WORLD, DENIED, METADATA] {
            world.ip(&format!("addr add {address}/24 dev in"));
        }
        world.ip("addr add 2001:db8::2/64 dev in nodad");
        world.ip("link set in up");
        let net = HostNet::open(config.clone()).await.unwrap_or_else(|e| panic!("{e}: {e:?}"));
        Self { net, world, config, next: AtomicU32::new(2) }
    }

    pub fn plan(&self, network: u32) -> MachineNet {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        MachineNet {
            id: MachineId::generate(),
            address: MachineAddress { network: NetworkId(network), host: 1, machine: number },
            ipv4: Ipv4Addr::new(172, 19, 0, number as u8),
        }
    }

    /// A machine in this private network, attached and configured as `init` would do it.
    pub async fn machine(&self, network: u32) -> Machine {
        let net = self.plan(network);
        let link = self.net.attach(&net, LinkKind::Netns).await.unwrap_or_else(|e| panic!("{e}: {e:?}"));
        self.net.open_link(&net).await.unwrap_or_else(|e| panic!("{e}: {e:?}"));
        let Link::Netns { path, .. } = link else { panic!("asked for a namespace") };
        let namespace = Namespace::existing(path.file_name().unwrap().to_str().unwrap());
        let mac = net.mac().map(|b| format!("{b:02x}")).join(":");
        namespace.ip("link set lo up");
        namespace.ip(&format!("link set br0 address {mac}"));
        namespace.ip(&format!("addr add {}/32 dev br0", net.ipv4));
        namespace.ip(&format!("addr add {}/112 dev br0 nodad", net.address.ip()));
        namespace.ip(&format!("route add {GATEWAY_V4} dev br0"));
        namespace.ip(&format!("route add default via {GATEWAY_V4}"));
        namespace.ip(&format!("-6 route add default via {GATEWAY_V6} dev br0"));
        Machine { net, namespace }
    }
}

impl Machine {
    pub fn ipv4(&self, port: u16) -> SocketAddr {
        (self.net.ipv4, port).into()
    }

    pub fn ipv6(&self, port: u16) -> SocketAddr {
        (self.net.address.ip(), port).into()
    }
}

/// `ip` in the namespace of the calling thread.
pub fn ip(arguments: &str) {
    namespace::run("ip", arguments);
}

/// Listens on every address of the calling thread's namespace; answers each connection with its peer's address.
pub fn serve(port: u16) {
    let listener = TcpListener::bind(("::", port)).unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, peer)) = listener.accept() {
            let _ = std::io::Write::write_all(&mut stream, peer.ip().to_canonical().to_string().as_bytes());
        }
    });
}

/// Connects from the calling thread's namespace; what the server says of us, or why not.
pub fn dial(address: impl Into<SocketAddr>) -> Result<IpAddr, std::io::Error> {
    let mut stream = TcpStream::connect_timeout(&address.into(), PATIENCE)?;
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer)?;
    Ok(answer.parse().unwrap())
}

/// The next thing that arrives at a UDP port of the calling thread's namespace.
pub fn listen_udp(port: u16) -> impl FnMut() -> Vec<u8> {
    let socket = UdpSocket::bind(("::", port)).unwrap();
    socket.set_read_timeout(Some(ARRIVAL)).unwrap();
    move || {
        let mut buffer = [0; 2048];
        let length = socket.recv(&mut buffer).expect("a packet arrives");
        buffer[..length].to_vec()
    }
}

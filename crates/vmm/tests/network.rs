//! A machine on a tap that `roost-netdev` made, answering its host.

#[allow(dead_code, reason = "each file of tests uses its part")]
mod support;

use std::{
    io::Read,
    net::{Ipv4Addr, TcpStream},
    thread,
    time::Duration,
};

use nix::sched::{CloneFlags, unshare};
use roost_model::{MachineAddress, NetworkId};
use roost_netdev::{GATEWAY_V4, HostNet, HostNetConfig, LinkKind, MachineNet};
use roost_vmm::Nic;
use support::{Host, Machine, Talk};

#[test]
fn a_machine_answers_on_its_tap_which_ends_with_it() {
    let test = || {
        // A network of its own, for this thread and the tasks on it.
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run());
    };
    thread::spawn(test).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

async fn run() {
    let host = Host::new().await;
    let mut machine = host.machine(21);
    let config = HostNetConfig { iface_prefix: "vt".into(), ..HostNetConfig::default() };
    let network = HostNet::open(config).await.unwrap();
    let net = MachineNet {
        id: machine.spec.machine.clone(),
        address: MachineAddress { network: NetworkId(1), host: 1, machine: 1 },
        ipv4: Ipv4Addr::new(172, 19, 0, 2),
    };
    let link = network.attach(&net, LinkKind::Tap).await.unwrap();
    network.open_link(&net).await.unwrap();
    machine.nic(Nic { mac: net.mac(), link: Some(link) });
    let vm = machine.spawn().await;
    drop_link(&mut machine);

    let mut guest = Talk::to(&vm).await;
    let set_up = format!(
        "network ip link set eth0 up; ip addr add {}/32 dev eth0; ip route add {GATEWAY_V4} dev eth0; \
         ip route add default via {GATEWAY_V4}; nc -ll -p 80 -e echo hello & sleep 0.2",
        net.ipv4
    );
    assert_eq!(guest.ask(&set_up).await, "done");
    let mut stream = TcpStream::connect_timeout(&(net.ipv4, 80).into(), Duration::from_secs(10)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer.trim(), "hello");

    vm.kill().await;
    let interface = network.interface(&net.id);
    assert!(!std::path::Path::new("/proc/thread-self/net/dev_snmp6").join(interface).exists());
}

/// The VMM holds its own copy.
fn drop_link(machine: &mut Machine) {
    machine.spec.nic = None;
}

//! Links come and go; the rules follow.

#[allow(dead_code, reason = "each file of tests uses its part")]
mod support;

use std::io::ErrorKind;

use roost_netdev::{HostNet, Link, LinkKind, NetError};
use support::{dial, in_lab, listen_udp, serve};

const WEB: u16 = 8080;

#[test]
fn a_tap_lives_as_long_as_its_descriptor() {
    in_lab(async |lab| {
        let machine = lab.plan(7);
        let link = lab.net.attach(&machine, LinkKind::Tap).await.unwrap();
        let name = lab.net.interface(&machine.id);
        assert!(exists(&name));
        drop(link);
        assert!(!exists(&name));
        lab.net.detach(&machine.id).await.unwrap();
        lab.net.detach(&machine.id).await.unwrap();
    });
}

#[test]
fn a_machine_sends_only_as_itself() {
    in_lab(async |lab| {
        let (own, other) = (lab.plan(7), lab.plan(7));
        let peer = lab.machine(7).await;
        let Link::Tap { fd, .. } = lab.net.attach(&own, LinkKind::Tap).await.unwrap() else { panic!() };
        lab.net.open_link(&own).await.unwrap();
        let host_mac = mac_of(&lab.net.interface(&own.id));
        let mut received = peer.namespace.enter(|| listen_udp(9));
        let send = |source: std::net::Ipv6Addr, text: &[u8]| {
            let frame = frame::udp(own.mac(), host_mac, source, peer.net.address.ip(), 9, text);
            nix::unistd::write(&fd, &frame).unwrap();
        };
        send(own.address.ip(), b"hello");
        assert_eq!(received(), b"hello");
        send(other.address.ip(), b"as another machine");
        send(roost_model::addr::DNS, b"as the host");
        // Packets keep their order: had a false one passed, it would come first.
        send(own.address.ip(), b"again");
        assert_eq!(received(), b"again");
    });
}

#[test]
fn after_a_restart_the_rules_are_those_of_the_machines_that_run() {
    in_lab(async |lab| {
        let (stays, goes) = (lab.machine(7).await, lab.machine(7).await);
        stays.namespace.enter(|| serve(WEB));
        goes.namespace.enter(|| serve(WEB));
        let again = HostNet::open(lab.config.clone()).await.unwrap();
        again.sync(std::slice::from_ref(&stays.net)).await.unwrap();
        assert!(dial(stays.ipv6(WEB)).is_ok());
        assert!(exists(&again.interface(&stays.net.id)) && !exists(&again.interface(&goes.net.id)));
        assert!(!std::path::Path::new("/run/netns").join(&goes.namespace.name).exists());

        for gone in [goes.ipv4(WEB), goes.ipv6(WEB)] {
            let refused = dial(gone).unwrap_err();
            assert_ne!(refused.kind(), ErrorKind::TimedOut, "what is not there is refused at once");
        }
    });
}

#[test]
fn attaching_again_replaces_the_link() {
    in_lab(async |lab| {
        let machine = lab.plan(7);
        let first = lab.net.attach(&machine, LinkKind::Netns).await.unwrap();
        let second = lab.net.attach(&machine, LinkKind::Tap).await.unwrap();
        assert!(matches!((&first, &second), (Link::Netns { .. }, Link::Tap { .. })));
        assert!(exists(&lab.net.interface(&machine.id)));
        lab.net.detach(&machine.id).await.unwrap();
        assert!(!exists(&lab.net.interface(&machine.id)));
    });
}

#[test]
fn names_that_nft_would_misread_are_refused() {
    in_lab(async |lab| {
        let config = roost_netdev::HostNetConfig { table: "x; flush ruleset".into(), ..lab.config.clone() };
        assert!(matches!(HostNet::open(config).await, Err(NetError::Config { key: "table", .. })));
    });
}

fn exists(interface: &str) -> bool {
    std::path::Path::new("/proc/thread-self/net/dev_snmp6").join(interface).exists()
}

fn mac_of(interface: &str) -> [u8; 6] {
    let output = std::process::Command::new("ip").args(["-o", "link", "show", interface]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mac = text.split("link/ether ").nth(1).unwrap().split(' ').next().unwrap();
    let bytes: Vec<_> = mac.split(':').map(|b| u8::from_str_radix(b, 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

/// Frames as a guest's network card would send them.
mod frame {
    use std::net::Ipv6Addr;

    /// The virtio header of a packet that needs nothing done.
    const VIRTIO_HEADER: [u8; 10] = [0; 10];

    pub fn udp(
        from: [u8; 6],
        to: [u8; 6],
        source: Ipv6Addr,
        target: Ipv6Addr,
        port: u16,
        data: &[u8],
    ) -> Vec<u8> {
        let length = 8 + data.len() as u16;
        let mut udp = [port.to_be_bytes(), port.to_be_bytes(), length.to_be_bytes(), [0, 0]].concat();
        udp.extend(data);
        let mut pseudo = [source.octets(), target.octets()].concat();
        pseudo.extend(u32::from(length).to_be_bytes());
        pseudo.extend([0, 0, 0, 17]);
        pseudo.extend(&udp);
        let sum = checksum(&pseudo);
        udp[6..8].copy_from_slice(&sum.to_be_bytes());

        let mut frame = VIRTIO_HEADER.to_vec();
        frame.extend(to);
        frame.extend(from);
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend(length.to_be_bytes());
        frame.extend([17, 64]);
        frame.extend(source.octets());
        frame.extend(target.octets());
        frame.extend(udp);
        frame
    }

    /// RFC 1071.
    fn checksum(bytes: &[u8]) -> u16 {
        let words = bytes.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(c.get(1).copied().unwrap_or(0)));
        let sum = words.fold(0, |sum: u32, word| {
            let sum = sum + word;
            (sum & 0xffff) + (sum >> 16)
        });
        !(sum as u16)
    }
}

//! Who reaches whom: real IP stacks in network namespaces, joined by the host's rules.

#[allow(dead_code, reason = "each file of tests uses its part")]
mod support;

use std::{io::ErrorKind, net::Ipv6Addr};

use roost_model::{
    NetworkId,
    addr::{self, AppAddress},
};
use support::{DENIED, HOST, METADATA, WORLD, dial, in_lab, serve};

const WEB: u16 = 8080;

#[test]
fn machines_of_one_network_reach_each_other_by_private_address_only() {
    in_lab(async |lab| {
        let (a, b) = (lab.machine(7).await, lab.machine(7).await);
        b.namespace.enter(|| serve(WEB));
        let (private, ipv4) = (b.ipv6(WEB), b.ipv4(WEB));
        assert_eq!(a.namespace.enter(move || dial(private)).unwrap(), a.net.address.ip());
        assert!(a.namespace.enter(move || dial(ipv4)).is_err(), "IPv4 addresses are the host's business");
    });
}

#[test]
fn networks_are_closed_to_each_other() {
    in_lab(async |lab| {
        let (a, b) = (lab.machine(7).await, lab.machine(8).await);
        b.namespace.enter(|| serve(WEB));
        let (private, ipv4) = (b.ipv6(WEB), b.ipv4(WEB));
        assert!(a.namespace.enter(move || dial(private)).is_err());
        assert!(a.namespace.enter(move || dial(ipv4)).is_err());
        assert!(dial(private).is_ok(), "the machine itself is fine");
    });
}

#[test]
fn the_host_reaches_its_machines_both_ways() {
    in_lab(async |lab| {
        let machine = lab.machine(7).await;
        machine.namespace.enter(|| serve(WEB));
        assert_eq!(dial(machine.ipv4(WEB)).unwrap(), roost_netdev::GATEWAY_V4);
        assert_eq!(dial(machine.ipv6(WEB)).unwrap(), roost_model::addr::DNS);
    });
}

#[test]
fn machines_reach_the_world_behind_the_hosts_address() {
    in_lab(async |lab| {
        let machine = lab.machine(7).await;
        lab.world.enter(|| serve(WEB));
        assert_eq!(machine.namespace.enter(|| dial((WORLD, WEB))).unwrap(), HOST);
        for closed in [DENIED, METADATA] {
            assert!(dial((closed, WEB)).is_ok(), "the host itself reaches {closed}");
            assert!(machine.namespace.enter(move || dial((closed, WEB))).is_err(), "{closed}");
        }
        let world = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
        let refused = machine.namespace.enter(move || dial((world, WEB))).unwrap_err();
        assert_ne!(refused.kind(), ErrorKind::TimedOut, "no IPv6 to the world, but said at once: {refused}");
    });
}

#[test]
fn the_world_reaches_no_machine() {
    in_lab(async |lab| {
        let machine = lab.machine(7).await;
        machine.namespace.enter(|| serve(WEB));
        lab.world.ip(&format!("route add {} via {HOST}", machine.net.ipv4));
        lab.world.ip(&format!("route add {} via 2001:db8::1", machine.net.address.ip()));
        let (private, ipv4) = (machine.ipv6(WEB), machine.ipv4(WEB));
        assert!(lab.world.enter(move || dial(ipv4)).is_err());
        assert!(lab.world.enter(move || dial(private)).is_err());
    });
}

#[test]
fn apps_addresses_lead_to_the_edge_from_their_own_network_only() {
    in_lab(async |lab| {
        let (a, b) = (lab.machine(7).await, lab.machine(8).await);
        serve(addr::APPS_PORT);
        serve(WEB);
        let app = AppAddress { network: NetworkId(7), app: 70_000 }.ip();
        for port in [80, WEB, 5432] {
            let reached = a.namespace.enter(move || dial((app, port))).unwrap();
            assert_eq!(reached, a.net.address.ip(), "port {port}: the edge sees who it is");
            assert!(b.namespace.enter(move || dial((app, port))).is_err(), "another network");
            assert!(dial((app, port)).is_err(), "the box itself is no machine");
        }
        let direct = (addr::DNS, addr::APPS_PORT);
        assert!(a.namespace.enter(move || dial(direct)).is_err(), "only at an app's address");
        lab.world.ip(&format!("route add {app} via 2001:db8::1"));
        assert!(lab.world.enter(move || dial((app, 80))).is_err(), "nobody outside");
    });
}

#[test]
fn of_the_host_only_dns_is_reached() {
    in_lab(async |lab| {
        let machine = lab.machine(7).await;
        serve(WEB);
        serve(53);
        let dns = roost_model::addr::DNS;
        assert!(machine.namespace.enter(move || dial((dns, 53))).is_ok());
        assert!(machine.namespace.enter(move || dial((dns, WEB))).is_err());
        for address in [HOST, roost_netdev::GATEWAY_V4] {
            for port in [53, WEB] {
                assert!(machine.namespace.enter(move || dial((address, port))).is_err(), "{address}:{port}");
            }
        }
        assert!(dial((HOST, WEB)).is_ok(), "the host's own services go on");
    });
}

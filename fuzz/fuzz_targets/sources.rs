//! Any lists of networks as `allow_from` and `deny_from`: who is served, by bits.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use libfuzzer_sys::fuzz_target;
use roost_model::Service;
use roost_routing::Sources;

fuzz_target!(|input: (u32, u128, &str)| {
    let (v4, v6, text) = input;
    // A line each; those behind a `-` are denied.
    let (deny, allow): (Vec<&str>, Vec<&str>) = text.lines().take(16).partition(|line| line.starts_with('-'));
    let deny: Vec<&str> = deny.iter().filter_map(|line| line.strip_prefix('-')).collect();
    let json = serde_json::json!({ "internal_port": 1, "allow_from": allow, "deny_from": deny });
    let Ok(service) = serde_json::from_value::<Service>(json) else { return };
    let sources = Sources::from(&service);
    for client in [Ipv4Addr::from(v4).into(), Ipv6Addr::from(v6).into()] {
        let within = |nets: &[&str]| nets.iter().any(|net| contains(net, client));
        assert_eq!(sources.admits(client), within(&allow) && !within(&deny), "{client}");
    }
});

fn contains(net: &str, client: IpAddr) -> bool {
    let net: IpNet = net.parse().expect("a network that was read");
    let shared = |same: u32| same >= net.prefix_len().into();
    match (net.addr(), client) {
        (IpAddr::V4(net), IpAddr::V4(client)) => shared((u32::from(net) ^ u32::from(client)).leading_zeros()),
        (IpAddr::V6(net), IpAddr::V6(client)) => {
            shared((u128::from(net) ^ u128::from(client)).leading_zeros())
        }
        _ => false,
    }
}

//! The one table: who may send what to whom. Pure: machines in, nft's text out.
//!
//! A packet from a machine passes three gates:
//!
//! 1. `spoofing` (prerouting): its source address is the machine's own; so later gates can trust it.
//! 2. `input`, if it is for the host: DNS on `fdaa::3` and neighbour discovery only, and what `apps` led there.
//! 3. `forward`, if it is for elsewhere: to a machine of the same private network by its private address, or
//!    out by IPv4 (masqueraded), but not to what is the host's, another machine's, or denied.
//!
//! Before the second gate `apps` (prerouting) leads TCP that is for an app's address on the machine's own network to the
//! one port of the edge that is for this; the kernel remembers where it was going. So an app's address is on no interface: what
//! else listens on the host can not be reached through it, and who is no machine finds nobody there.
//!
//! Answers to what the host or a machine began pass gates 2 and 3.
//!
//! Not here: IPv6 to the Internet (machines have no global address; they are told so at once, and turn to
//! IPv4), and ARP, which `inet` tables do not see: each link has two ends only, and the host knows the machine's
//! address by a permanent entry.

use std::{collections::BTreeSet, fmt::Write};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use roost_model::{NetworkId, addr};

use crate::{HostNetConfig, MachineNet};

/// Never a machine's business: this network, loopback, link-local (cloud metadata), multicast, reserved.
const NEVER_V4: [&str; 5] = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"];

/// Length of a machine's prefix, and of a network's.
pub(crate) const MACHINE_PREFIX: u8 = 112;
const NETWORK_PREFIX: u8 = 48;

/// A script for `nft -f -` that replaces the table as one transaction. `interface` names a machine's link.
pub(crate) fn script(
    config: &HostNetConfig,
    machines: &[MachineNet],
    interface: impl Fn(&MachineNet) -> String,
) -> String {
    let mut out = Script { text: String::new() };
    let (table, links) = (&config.table, format!("\"{}*\"", config.iface_prefix));
    out.line(format_args!("add table inet {table}"));
    out.line(format_args!("delete table inet {table}"));
    out.line(format_args!("table inet {table} {{"));
    let verdicts = |chain: fn(&MachineNet, &str) -> String| {
        machines.iter().map(|m| format!("\"{0}\" : {1}", interface(m), chain(m, &interface(m)))).collect()
    };
    out.map("sources", verdicts(|_, link| format!("goto source_{link}")));
    out.map("networks", verdicts(|m, _| format!("goto network_{}", m.network())));
    out.map("apps_of", verdicts(|m, _| format!("goto apps_{}", m.network())));
    out.set("denied", "ipv4_addr", denied_v4(config));
    for machine in machines {
        out.source_chain(machine, &interface(machine));
    }
    out.chain(
        "spoofing",
        "filter hook prerouting priority raw",
        &["iifname vmap @sources".into(), format!("iifname {links} drop")],
    );
    out.chain("apps", "nat hook prerouting priority dstnat", &["iifname vmap @apps_of".into()]);
    out.chain("input", "filter hook input priority filter", &input(&links));
    for network in machines.iter().map(MachineNet::network).collect::<BTreeSet<_>>() {
        out.apps_chain(network);
        out.network_chain(network, &links);
    }
    out.plain_chain("egress", &egress(&links));
    out.chain(
        "forward",
        "filter hook forward priority filter",
        &[
            format!("iifname != {links} oifname != {links} accept"),
            "ct state established,related accept".into(),
            "iifname vmap @networks".into(),
            "drop".into(),
        ],
    );
    out.chain(
        "nat",
        "nat hook postrouting priority srcnat",
        &[format!("ip saddr {} oifname != {links} masquerade", config.ipv4_pool)],
    );
    out.line(format_args!("}}"));
    out.text
}

fn input(links: &str) -> Vec<String> {
    let dns = addr::DNS;
    vec![
        format!("iifname != {links} accept"),
        "ct state established,related accept".into(),
        format!("ip6 daddr {dns} udp dport 53 accept"),
        format!("ip6 daddr {dns} tcp dport 53 accept"),
        format!("ip6 daddr {dns} tcp dport {} ct status dnat accept", addr::APPS_PORT),
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept".into(),
        "drop".into(),
    ]
}

fn egress(links: &str) -> Vec<String> {
    vec![
        format!("oifname {links} drop"),
        // Kernels since 6.8 go on trying to connect after an ICMP error of this kind.
        "meta nfproto ipv6 meta l4proto tcp reject with tcp reset".into(),
        "meta nfproto ipv6 reject with icmpv6 type no-route".into(),
        "ip daddr @denied drop".into(),
        "accept".into(),
    ]
}

/// Aggregated, because an interval set refuses overlaps.
fn denied_v4(config: &HostNetConfig) -> Vec<String> {
    let built_in = NEVER_V4.iter().filter_map(|net| net.parse::<Ipv4Net>().ok());
    let configured = config.egress_deny.iter().filter_map(|net| match net {
        IpNet::V4(net) => Some(net.trunc()),
        // Nothing leaves by IPv6.
        IpNet::V6(_) => None,
    });
    let all: Vec<_> = built_in.chain([config.ipv4_pool.trunc()]).chain(configured).collect();
    Ipv4Net::aggregate(&all).iter().map(Ipv4Net::to_string).collect()
}

struct Script {
    text: String,
}

impl Script {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn map(&mut self, name: &str, elements: Vec<String>) {
        self.collection("map", name, "type ifname : verdict;", elements);
    }

    fn set(&mut self, name: &str, of: &str, elements: Vec<String>) {
        self.collection("set", name, &format!("type {of}; flags interval;"), elements);
    }

    /// nft does not know an empty list of elements.
    fn collection(&mut self, kind: &str, name: &str, head: &str, elements: Vec<String>) {
        let list = elements.join(", ");
        let list = if list.is_empty() { list } else { format!(" elements = {{ {list} }};") };
        self.line(format_args!("  {kind} {name} {{ {head}{list} }}"));
    }

    fn chain(&mut self, name: &str, hook: &str, rules: &[String]) {
        self.line(format_args!("  chain {name} {{"));
        self.line(format_args!("    type {hook}; policy accept;"));
        self.rules(rules);
    }

    fn plain_chain(&mut self, name: &str, rules: &[String]) {
        self.line(format_args!("  chain {name} {{"));
        self.rules(rules);
    }

    fn rules(&mut self, rules: &[String]) {
        for rule in rules {
            self.line(format_args!("    {rule}"));
        }
        self.line(format_args!("  }}"));
    }

    fn source_chain(&mut self, machine: &MachineNet, link: &str) {
        let own = Ipv6Net::new_assert(machine.address.prefix(), MACHINE_PREFIX);
        self.plain_chain(
            &format!("source_{link}"),
            &[
                format!("ip saddr {} accept", machine.ipv4),
                format!("ip6 saddr {own} accept"),
                // Neighbour discovery, also before the machine has an address.
                "ip6 saddr { ::, fe80::/10 } icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
                    .into(),
                "drop".into(),
            ],
        );
    }

    /// Where machines of one network find the apps that have an address on it.
    fn apps_chain(&mut self, network: NetworkId) {
        let apps = Ipv6Net::new_assert(network.prefix(), addr::APPS_PREFIX_LENGTH);
        let (dns, port) = (addr::DNS, addr::APPS_PORT);
        self.plain_chain(
            &format!("apps_{network}"),
            &[format!("ip6 daddr {apps} meta l4proto tcp dnat ip6 to [{dns}]:{port}")],
        );
    }

    /// What machines of one network may reach.
    fn network_chain(&mut self, network: NetworkId, links: &str) {
        let own = Ipv6Net::new_assert(network.prefix(), NETWORK_PREFIX);
        self.plain_chain(
            &format!("network_{network}"),
            &[format!("ip6 daddr {own} oifname {links} accept"), "goto egress".into()],
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_denials_become_one() {
        let config = HostNetConfig {
            egress_deny: vec![
                "172.16.0.0/12".parse().unwrap(),
                "10.0.0.0/8".parse().unwrap(),
                "fd00::/8".parse().unwrap(),
            ],
            ..HostNetConfig::default()
        };
        let denied = denied_v4(&config);
        assert!(denied.contains(&"172.16.0.0/12".to_owned()) && denied.contains(&"10.0.0.0/8".to_owned()));
        assert!(!denied.contains(&"172.19.0.0/16".to_owned()), "covered by the wider one");
    }
}

//! Who the machine is and whom it asks: hostname, hosts, resolver.

use nix::unistd::sethostname;
use roost_guest_api::{GuestDns, RunConfig};

use super::rooted::Rooted;
use crate::{Context, Result};

const LOCAL: &str = "127.0.0.1\tlocalhost\n\
                     ::1\tlocalhost ip6-localhost ip6-loopback\n\
                     fe00::0\tip6-localnet\n\
                     ff00::0\tip6-mcastprefix\n\
                     ff02::1\tip6-allnodes\n\
                     ff02::2\tip6-allrouters\n";

pub fn write(root: &Rooted, config: &RunConfig) -> Result<()> {
    sethostname(&config.hostname).context(|| format!("set the hostname {}", config.hostname))?;
    root.replace("/etc/hostname", format!("{}\n", config.hostname).as_bytes(), 0o644)?;
    root.replace("/etc/hosts", hosts(config).as_bytes(), 0o644)?;
    root.replace("/etc/resolv.conf", resolv_conf(&config.dns).as_bytes(), 0o644)
}

fn hosts(config: &RunConfig) -> String {
    let mut names = config.host_aliases.clone();
    if !names.contains(&config.hostname) {
        names.push(config.hostname.clone());
    }
    format!("{LOCAL}{}\t{}\n", config.network.ipv6, names.join(" "))
}

fn resolv_conf(dns: &GuestDns) -> String {
    let mut text: String = dns.nameservers.iter().map(|server| format!("nameserver {server}\n")).collect();
    for (key, words) in [("search", &dns.searches), ("options", &dns.options)] {
        if !words.is_empty() {
            text += &format!("{key} {}\n", words.join(" "));
        }
    }
    text
}

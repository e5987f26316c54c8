//! Kernel settings, of the host and of one interface.

use std::{fs, io, path::Path};

use crate::{NetError, error::Context};

/// Of an interface to a machine: it has the addresses that we give it and no others, learns nothing from
/// its peer, and answers for nothing but itself.
const OF_INTERFACE: [(&str, &str); 8] = [
    ("ipv6/conf/{}/addr_gen_mode", "1"),
    ("ipv6/conf/{}/accept_ra", "0"),
    ("ipv6/conf/{}/accept_redirects", "0"),
    ("ipv6/conf/{}/accept_dad", "0"),
    ("ipv6/conf/{}/disable_ipv6", "0"),
    ("ipv4/conf/{}/accept_redirects", "0"),
    ("ipv4/conf/{}/send_redirects", "0"),
    ("ipv4/conf/{}/arp_ignore", "1"),
];

pub(crate) fn prepare_interface(name: &str) -> Result<(), NetError> {
    OF_INTERFACE.iter().try_for_each(|(key, value)| set(&key.replace("{}", name), value))
}

/// Lets the host route, without losing routes of its own that it has from router advertisements: a kernel
/// that forwards ignores those unless told not to (`accept_ra` 2).
pub(crate) fn enable_forwarding() -> Result<(), NetError> {
    for interface in
        fs::read_dir("/proc/sys/net/ipv6/conf").context("reading /proc/sys/net/ipv6 (is IPv6 off?)")?
    {
        let name = interface.context("reading /proc/sys/net/ipv6/conf")?.file_name();
        let accept = format!("ipv6/conf/{}/accept_ra", name.to_string_lossy());
        if get(&accept).is_ok_and(|value| value.trim() == "1") {
            set(&accept, "2")?;
        }
    }
    set("ipv6/conf/all/forwarding", "1")?;
    set("ipv4/ip_forward", "1")
}

fn get(key: &str) -> io::Result<String> {
    fs::read_to_string(Path::new("/proc/sys/net").join(key))
}

fn set(key: &str, value: &str) -> Result<(), NetError> {
    fs::write(Path::new("/proc/sys/net").join(key), value).context(format!("setting net/{key} to {value}"))
}

//! Addresses and routes, exactly those that the host gave: no autoconfiguration, no waiting for
//! duplicate detection on a link that holds one machine and one host.

use std::{
    fs,
    net::IpAddr,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::net::if_::if_nametoindex;
use roost_guest_api::GuestNetwork;

use super::netlink::{Netlink, Reach};
use crate::{Context, Error, Result};

/// The driver probes while `init` already runs.
const PROBE_TIME: Duration = Duration::from_secs(5);
const PROBE_PAUSE: Duration = Duration::from_millis(5);

const PREFIX_V6: u8 = 112;

pub fn bring_up(network: &GuestNetwork) -> Result<()> {
    let mut netlink = Netlink::open()?;
    let loopback = if_nametoindex("lo").context(|| "find the loopback interface".into())?;
    netlink.set_up(loopback)?;
    let name = find_interface()?;
    configure_kernel(&name);
    let interface = if_nametoindex(name.as_str()).context(|| format!("find the interface {name}"))?;
    netlink.configure(interface, network.mac, network.mtu)?;
    netlink.set_up(interface)?;
    netlink.add_address(interface, network.ipv6.into(), PREFIX_V6)?;
    netlink.add_address(interface, network.ipv4.into(), 32)?;
    netlink.add_route(interface, Reach::OnLink(network.ipv4_gateway.into()))?;
    for gateway in [IpAddr::from(network.ipv4_gateway), IpAddr::from(network.ipv6_gateway)] {
        netlink.add_route(interface, Reach::DefaultBy(gateway))?;
    }
    Ok(())
}

/// The machine has one network device; its name depends on the kernel.
fn find_interface() -> Result<String> {
    let give_up = Instant::now() + PROBE_TIME;
    loop {
        let entries = fs::read_dir("/sys/class/net").context(|| "list network interfaces".into())?;
        // A device of its own, which dummies and tunnels have not.
        let real = entries.flatten().find(|entry| entry.path().join("device").exists());
        if let Some(entry) = real {
            return Ok(entry.file_name().to_string_lossy().into_owned());
        }
        if Instant::now() > give_up {
            return Err(Error::new("the machine has no network device"));
        }
        sleep(PROBE_PAUSE);
    }
}

/// Settings that a kernel may lack without harm.
fn configure_kernel(interface: &str) {
    let settings = [
        (format!("ipv6/conf/{interface}/accept_ra"), "0"),
        (format!("ipv6/conf/{interface}/autoconf"), "0"),
        (format!("ipv6/conf/{interface}/accept_dad"), "0"),
        // As in containers: an image's user binds port 80 and pings without privileges.
        ("ipv4/ip_unprivileged_port_start".to_owned(), "0"),
        ("ipv4/ping_group_range".to_owned(), "0 2147483647"),
    ];
    for (name, value) in settings {
        if let Err(error) = fs::write(format!("/proc/sys/net/{name}"), value) {
            eprintln!("roost-init: {name} cannot be set: {error}");
        }
    }
}

//! Addresses on the private network (6PN).
//!
//! `fdaa:<network 32 bits>:<host 32 bits>:<machine 32 bits>::/112` belongs to one machine; the
//! machine itself answers on the `…:2` of its prefix.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};

/// First 16 bits of every private address.
pub const PREFIX: u16 = 0xfdaa;

/// Where `.internal` DNS answers in every guest.
pub const DNS: Ipv6Addr = Ipv6Addr::new(PREFIX, 0, 0, 0, 0, 0, 0, 3);

/// Where the edge takes connections to apps' addresses, at [`DNS`]: the host's rules lead them there.
pub const APPS_PORT: u16 = 4282;

/// Length of the prefix that the addresses of apps have in common in one network.
pub const APPS_PREFIX_LENGTH: u8 = 80;

/// Last 16 bits of the address that a machine answers on.
const MACHINE_SUFFIX: u16 = 2;

/// Last 16 bits of an address that the edge answers on for an app.
const APP_SUFFIX: u16 = 3;

/// Hosts count from 1; in the place of host 0 are the addresses of apps.
const NO_HOST: (u16, u16) = (0, 0);

/// A private network; packets never cross from one to another. 0 is reserved for the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetworkId(pub u32);

impl NetworkId {
    /// The first address of the network's /48.
    pub fn prefix(self) -> Ipv6Addr {
        let [hi, lo] = halves(self.0);
        Ipv6Addr::new(PREFIX, hi, lo, 0, 0, 0, 0, 0)
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The parts of a machine's private address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MachineAddress {
    pub network: NetworkId,
    /// Number of the host within the platform.
    pub host: u32,
    /// Number of the machine within the host.
    pub machine: u32,
}

impl MachineAddress {
    /// The address that the machine answers on.
    pub fn ip(self) -> Ipv6Addr {
        self.with_suffix(MACHINE_SUFFIX)
    }

    /// The first address of the machine's /112.
    pub fn prefix(self) -> Ipv6Addr {
        self.with_suffix(0)
    }

    fn with_suffix(self, suffix: u16) -> Ipv6Addr {
        let ([n1, n2], [h1, h2], [m1, m2]) =
            (halves(self.network.0), halves(self.host), halves(self.machine));
        Ipv6Addr::new(PREFIX, n1, n2, h1, h2, m1, m2, suffix)
    }

    /// The machine that an address belongs to; `None` outside the private network, and for what is no
    /// machine's in it.
    pub fn of(ip: Ipv6Addr) -> Option<Self> {
        let [prefix, n1, n2, h1, h2, m1, m2, _] = ip.segments();
        (prefix == PREFIX && (h1, h2) != NO_HOST).then_some(Self {
            network: NetworkId(join(n1, n2)),
            host: join(h1, h2),
            machine: join(m1, m2),
        })
    }
}

/// The address of an app, rather than of one of its machines, on a private network. All of them are in the /80 that
/// begins as the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AppAddress {
    /// Who reaches it; not always the app's own network.
    pub network: NetworkId,
    /// The app's numeric id.
    pub app: u32,
}

impl AppAddress {
    pub fn ip(self) -> Ipv6Addr {
        let ([n1, n2], [a1, a2]) = (halves(self.network.0), halves(self.app));
        Ipv6Addr::new(PREFIX, n1, n2, NO_HOST.0, NO_HOST.1, a1, a2, APP_SUFFIX)
    }

    /// What an address of either family says; `None` for one that is no app's on a private network.
    pub fn of(ip: impl Into<IpAddr>) -> Option<Self> {
        let IpAddr::V6(ip) = ip.into() else { return None };
        let [prefix, n1, n2, h1, h2, a1, a2, suffix] = ip.segments();
        let named = prefix == PREFIX && (h1, h2) == NO_HOST && suffix == APP_SUFFIX;
        let address = Self { network: NetworkId(join(n1, n2)), app: join(a1, a2) };
        (named && ip != DNS).then_some(address)
    }
}

fn halves(n: u32) -> [u16; 2] {
    [(n >> 16) as u16, n as u16]
}

fn join(hi: u16, lo: u16) -> u32 {
    u32::from(hi) << 16 | u32::from(lo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_round_trips() {
        let address = MachineAddress { network: NetworkId(0x18), host: 0x0a7b_007d, machine: 9 };
        assert_eq!(address.ip().to_string(), "fdaa:0:18:a7b:7d:0:9:2");
        assert_eq!(MachineAddress::of(address.ip()), Some(address));
        assert_eq!(MachineAddress::of(Ipv6Addr::LOCALHOST), None);
    }

    #[test]
    fn an_apps_address_is_no_machines() {
        let address = AppAddress { network: NetworkId(0x18), app: 7 };
        assert_eq!(address.ip().to_string(), "fdaa:0:18::7:3");
        assert_eq!(AppAddress::of(address.ip()), Some(address));
        assert_eq!((MachineAddress::of(address.ip()), AppAddress::of(DNS)), (None, None));
    }
}

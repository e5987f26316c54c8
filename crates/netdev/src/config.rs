//! What a host's network is made of, and what one machine needs of it.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};
use roost_model::{MachineAddress, MachineId, NetworkId};
use serde::{Deserialize, Serialize};

use crate::NetError;

/// IPv4 gateway of every guest, on the host's side of every link.
pub const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 1);

/// IPv6 gateway of every guest: link-local, so the same on every link.
pub const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// Settings of the host's side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostNetConfig {
    /// Name of the one nftables table (family `inet`) that this host owns.
    pub table: String,
    /// First letters of every interface that this host owns; up to 3.
    pub iface_prefix: String,
    /// Machines' IPv4 addresses come from here; they mean something on their own host only.
    pub ipv4_pool: Ipv4Net,
    /// Destinations that guests may not reach, besides the built-in ones (link-local addresses, the
    /// pool, the host itself).
    pub egress_deny: Vec<IpNet>,
    /// Bytes of a packet on a machine's link.
    pub mtu: u16,
}

impl Default for HostNetConfig {
    fn default() -> Self {
        Self {
            table: "roost".into(),
            iface_prefix: "rt".into(),
            ipv4_pool: Ipv4Net::new_assert(Ipv4Addr::new(172, 19, 0, 0), 16),
            egress_deny: Vec::new(),
            mtu: 1500,
        }
    }
}

/// Leaves 12 hex digits of the machine's id in an interface's name.
const MAX_PREFIX: usize = 3;

impl HostNetConfig {
    /// What nft would misread or another owner's name could match.
    pub(crate) fn check(&self) -> Result<(), NetError> {
        let refuse = |key, reason: String| Err(NetError::Config { key, reason });
        let word = |s: &str| {
            s.starts_with(|c: char| c.is_ascii_lowercase())
                && s.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !word(&self.table) {
            return refuse("table", format!("{:?} is not a word of letters and digits", self.table));
        }
        if !word(&self.iface_prefix) || self.iface_prefix.len() > MAX_PREFIX {
            return refuse(
                "iface_prefix",
                format!("{:?} is not 1 to {MAX_PREFIX} letters", self.iface_prefix),
            );
        }
        if !(1280..=9000).contains(&self.mtu) {
            return refuse("mtu", format!("{} is not within 1280 (least of IPv6) and 9000", self.mtu));
        }
        Ok(())
    }
}

/// One machine's place in the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineNet {
    pub id: MachineId,
    pub address: MachineAddress,
    /// From the host's pool, one machine's only.
    pub ipv4: Ipv4Addr,
}

impl MachineNet {
    /// Derived from the IPv4 address (which is unique on the link's host): locally administered, unicast.
    pub fn mac(&self) -> [u8; 6] {
        let [a, b, c, d] = self.ipv4.octets();
        [0x02, 0x52, a, b, c, d]
    }

    pub fn network(&self) -> NetworkId {
        self.address.network
    }
}

/// How a VMM reaches its network device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// The VMM inherits an open tap and needs no network namespace to speak of (QEMU).
    Tap,
    /// The VMM opens a tap by its name in a namespace of the machine's own (Firecracker).
    Netns,
}

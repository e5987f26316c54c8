//! The host's network: one owner of interfaces, routes and rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
};

use roost_model::{MachineId, addr};
use tokio::sync::Mutex;

use crate::{
    GATEWAY_V4, GATEWAY_V6, HostNetConfig, Link, LinkKind, MachineNet, NetError,
    error::Context,
    links::Links,
    netns, nft, rules, sysctl,
    tap::{self, Lifetime},
};

/// The private address space as a whole: what no machine here has is nowhere.
const PRIVATE_SPACE: Ipv6Addr = Ipv6Addr::new(addr::PREFIX, 0, 0, 0, 0, 0, 0, 0);
const PRIVATE_SPACE_PREFIX: u8 = 16;

/// Link-layer address of the host's end of every link: a machine that was suspended finds its gateway where it left
/// it, on another link.
const GATEWAY_MAC: [u8; 6] = [0x02, 0x52, 0x4f, 0x4f, 0x53, 0x54];

/// Longest name of an interface (IFNAMSIZ, less the zero byte).
const MAX_NAME: usize = 15;

/// Works on the network namespace of the thread that opened it, and of those that call it: the host's.
pub struct HostNet {
    config: HostNetConfig,
    links: Links,
    /// The machines that the rules know. Held while the rules are replaced: one replacement at a time.
    machines: Mutex<BTreeMap<MachineId, MachineNet>>,
}

impl HostNet {
    /// Turns on forwarding, puts the resolver's address on `lo` and installs a table that lets no machine
    /// through: call [`Self::sync`] next with those that run.
    pub async fn open(config: HostNetConfig) -> Result<Self, NetError> {
        config.check()?;
        let links = Links::open()?;
        sysctl::enable_forwarding()?;
        if let Some(lo) = links.index("lo").await? {
            links.up(lo, None).await?;
            links.add_address(lo, addr::DNS.into(), 128).await?;
        }
        links.add_unreachable(PRIVATE_SPACE.into(), PRIVATE_SPACE_PREFIX).await?;
        let pool = config.ipv4_pool.trunc();
        links.add_unreachable(pool.addr().into(), pool.prefix_len()).await?;
        let host = Self { config, links, machines: Mutex::default() };
        host.replace_rules(&BTreeMap::new()).await?;
        Ok(host)
    }

    /// Makes the machine's link, which carries nothing until [`Self::open_link`]: a VMM can start with it
    /// meanwhile. A link that an earlier boot left is replaced.
    pub async fn attach(&self, machine: &MachineNet, kind: LinkKind) -> Result<Link, NetError> {
        let name = self.interface(&machine.id);
        self.links.delete(&name).await?;
        netns::remove(&name)?;
        match kind {
            LinkKind::Tap => {
                let fd = tap::create(&name, Lifetime::Descriptor).context(format!("making tap {name}"))?;
                Ok(Link::Tap { fd, interface: name })
            }
            LinkKind::Netns => {
                let made = netns::create(&self.links, &name).await?;
                Ok(Link::Netns { path: made.path, tap: made.tap })
            }
        }
    }

    /// Adds the machine to the rules and opens its link.
    pub async fn open_link(&self, machine: &MachineNet) -> Result<(), NetError> {
        let mut machines = self.machines.lock().await;
        machines.insert(machine.id.clone(), machine.clone());
        // First the rules: there is no moment in which the link carries what they do not allow.
        self.replace_rules(&machines).await?;
        drop(machines);
        self.configure(machine, &self.interface(&machine.id)).await
    }

    /// Takes the machine's link and rules away; fine if they are gone already.
    pub async fn detach(&self, id: &MachineId) -> Result<(), NetError> {
        let name = self.interface(id);
        self.links.delete(&name).await?;
        netns::remove(&name)?;
        let mut machines = self.machines.lock().await;
        if machines.remove(id).is_some() {
            self.replace_rules(&machines).await?;
        }
        Ok(())
    }

    /// Makes the rules those of exactly these machines, in one replacement, and removes interfaces of
    /// machines that are not among them.
    pub async fn sync(&self, machines: &[MachineNet]) -> Result<(), NetError> {
        let wanted: BTreeMap<_, _> = machines.iter().map(|m| (m.id.clone(), m.clone())).collect();
        let names: BTreeSet<_> = wanted.keys().map(|id| self.interface(id)).collect();
        let mut known = self.machines.lock().await;
        *known = wanted;
        self.replace_rules(&known).await?;
        let ours = |name: &String| name.starts_with(&self.config.iface_prefix) && !names.contains(name);
        for (_, name) in self.links.list().await?.iter().filter(|(_, name)| ours(name)) {
            self.links.delete(name).await?;
        }
        netns::list(&self.config.iface_prefix)
            .iter()
            .filter(|name| ours(name))
            .try_for_each(|n| netns::remove(n))
    }

    /// The host's end of a machine's link.
    pub fn interface(&self, id: &MachineId) -> String {
        let prefix = &self.config.iface_prefix;
        format!("{prefix}{}", &id.as_str()[..id.as_str().len().min(MAX_NAME - prefix.len())])
    }

    /// Addresses of the host's end, and routes to the machine behind it.
    async fn configure(&self, machine: &MachineNet, name: &str) -> Result<(), NetError> {
        sysctl::prepare_interface(name)?;
        let gone =
            || NetError::Io { what: format!("finding {name}"), source: std::io::ErrorKind::NotFound.into() };
        let index = self.links.index(name).await?.ok_or_else(gone)?;
        let links = &self.links;
        links.set_mac(index, GATEWAY_MAC).await?;
        links.up(index, Some(self.config.mtu)).await?;
        links.add_address(index, GATEWAY_V4.into(), 32).await?;
        links.add_address(index, GATEWAY_V6.into(), 64).await?;
        links.add_route_v4(index, machine.ipv4, GATEWAY_V4).await?;
        let prefix = machine.address.prefix();
        links.add_route_v6(index, prefix, rules::MACHINE_PREFIX, addr::DNS).await?;
        for address in [IpAddr::from(machine.ipv4), machine.address.ip().into()] {
            links.add_neighbour(index, address, &machine.mac()).await?;
        }
        Ok(())
    }

    async fn replace_rules(&self, machines: &BTreeMap<MachineId, MachineNet>) -> Result<(), NetError> {
        let machines: Vec<_> = machines.values().cloned().collect();
        nft::apply(&rules::script(&self.config, &machines, |m| self.interface(&m.id))).await
    }
}

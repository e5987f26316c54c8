//! What readers see: immutable, shared, consistent in itself.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use jiff::Timestamp;
use roost_host_api::HostInfo;
use roost_model::{AppName, HostId, MachineId, NetworkId, service::Protocol};
use roost_routing::{Traffic, app_label, replay::Home};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    Challenge, MachineEntry, NameEntry,
    addresses::Addresses,
    names::Names,
    table::{Keyed, Table},
};

/// Everything known at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub(crate) apps: Table<AppEntry>,
    pub(crate) hosts: Arc<BTreeMap<HostId, HostEntry>>,
    pub(crate) names: Names,
    pub(crate) ports: Arc<Ports>,
    pub(crate) addresses: Addresses,
    /// The apps of the directory have been read at least once, now or before the last restart.
    pub(crate) directory_read: bool,
}

pub type Ports = BTreeMap<(Protocol, u16), PortHolder>;

/// Whose a public port is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortHolder {
    /// That of every app with a service there; names tell them apart.
    Shared,
    App(AppName),
}

/// One app with its machines.
#[derive(Debug, Clone)]
pub struct AppEntry {
    /// The name once more, where a search reads it without following a pointer.
    pub(crate) key: SmallVec<[u8; 24]>,
    pub name: AppName,
    /// There for private networks alone, as [`Snapshot::is_private`] says.
    pub private: bool,
    /// What the directory says; `None` when only machines tell of the app.
    pub record: Option<Arc<AppRecord>>,
    /// Sorted by id; destroyed ones are included as long as their host remembers them.
    pub machines: Vec<MachineEntry>,
    /// The same machines in the shape that routing reads, without destroyed ones.
    pub routes: roost_routing::App,
    /// Handed on from one version of this value to the next.
    pub traffic: Arc<Traffic>,
}

/// What was declared of an app, as far as readers of the catalog need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRecord {
    pub name: AppName,
    /// Slug of the org.
    pub org: String,
    pub network: NetworkId,
    /// The network is the org's first one.
    pub in_default_network: bool,
}

/// A host and how fresh the copy of its machines is.
#[derive(Debug, Clone)]
pub struct HostEntry {
    pub info: HostInfo,
    /// Its stream is connected and talks.
    pub reachable: bool,
    /// When it was last heard; kept while it is silent.
    pub last_heard: Timestamp,
}

impl Keyed for AppEntry {
    fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Snapshot {
    pub fn app(&self, name: &AppName) -> Option<&Arc<AppEntry>> {
        self.apps.get(name.as_str().as_bytes())
    }

    /// The app below the base domain that the value of a `Host` header means, if it is known.
    pub fn app_of_host(&self, host: &str, base_domain: &str) -> Option<&Arc<AppEntry>> {
        self.apps.get(app_label(host, base_domain)?.as_bytes())
    }

    /// Every app, in no order.
    pub fn apps(&self) -> impl Iterator<Item = &Arc<AppEntry>> {
        self.apps.values()
    }

    /// Every machine, in no order.
    pub fn machines(&self) -> impl Iterator<Item = &MachineEntry> {
        self.apps().flat_map(|app| &app.machines)
    }

    pub fn hosts(&self) -> &BTreeMap<HostId, HostEntry> {
        &self.hosts
    }

    /// Whose a host name is: one of its own or under a wildcard. In lower case, without port or final dot.
    pub fn name(&self, hostname: &str) -> Option<&Arc<NameEntry>> {
        self.names.get(hostname)
    }

    /// Every host name, in no order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<NameEntry>> {
        self.names.all()
    }

    /// The public ports beside those of HTTP, and who has each.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The addresses that an app was given, public and private ones, in their order.
    pub fn addresses(&self, app: &AppName) -> impl Iterator<Item = IpAddr> {
        self.addresses.of(app)
    }

    /// Whose an address on a private network is.
    pub fn app_at(&self, private: Ipv6Addr) -> Option<&AppName> {
        self.addresses.app_at(private)
    }

    /// Absence of an address means that nobody has it, rather than that nobody has looked yet.
    pub fn knows_all_addresses(&self) -> bool {
        self.addresses.are_read()
    }

    /// Whether the app is there for private networks alone: it was given addresses, and none that is public.
    pub fn is_private(&self, app: &AppName) -> bool {
        self.addresses.are_private(app)
    }

    /// Differs when the names or their certificates do.
    pub fn names_version(&self) -> u64 {
        self.names.version()
    }

    /// What an authority that checks exactly this name is to be shown.
    pub fn challenge(&self, hostname: &str) -> Option<&Arc<Challenge>> {
        self.names.challenge(hostname)
    }

    /// Absence of an app means that it does not exist, rather than that nobody has looked yet.
    pub fn knows_all_apps(&self) -> bool {
        self.directory_read
    }
}

impl AppEntry {
    pub fn machine(&self, id: &MachineId) -> Option<&MachineEntry> {
        self.machines.binary_search_by(|m| m.id.cmp(id)).ok().map(|index| &self.machines[index])
    }

    pub fn target(&self, id: &MachineId) -> Option<&Arc<roost_routing::Target>> {
        self.routes.targets().find(|t| t.id == *id)
    }

    /// Where the app lives; `None` when only machines tell of it.
    pub fn home(&self) -> Option<Home<'_>> {
        let AppRecord { org, network, in_default_network, .. } = &**self.record.as_ref()?;
        Some(Home { org, network: *network, in_default_network: *in_default_network })
    }

    /// The app's private network, by its record or else by its machines.
    pub fn network(&self) -> Option<NetworkId> {
        let record = self.record.as_ref().map(|r| r.network);
        record.or_else(|| self.machines.first().map(|m| m.network))
    }
}
